/** ROUGE-L (Lin 2004): an F-measure of longest common subsequences. */
import { Growing } from './growing.js'
import { meanScore, type Score, type Scored } from './scores.js'
import { eachPart } from './whiteSpace.js'
import { WordNumbers } from './words.js'

const beta = 1.2

/** Precision and recall are the best over the references each, which may be two different ones. */
export function rougeL(images: readonly Scored[]): Score {
  const comparison = new Comparison()
  return meanScore(images.map((image) => comparison.scoreOf(image)))
}

class Comparison {
  private readonly numbers = new WordNumbers()
  private readonly given = new Growing()
  private readonly wanted = new Growing()
  private readonly row = new Growing()

  scoreOf({ hypothesis, references }: Scored): number {
    const { given, wanted } = this
    this.read(hypothesis, given)
    let [precision, recall] = [0, 0]
    for (const reference of references) {
      this.read(reference, wanted)
      const common = this.longestCommon()
      precision = Math.max(precision, common / given.count)
      recall = Math.max(recall, common / wanted.count)
    }
    if (precision === 0 || recall === 0) return 0
    return ((1 + beta ** 2) * precision * recall) / (recall + beta ** 2 * precision)
  }

  /** At single spaces: two empty captions have an empty word in common. */
  private read(caption: string, into: Growing): void {
    into.count = 0
    eachPart(caption, (begin, end) => into.push(this.numbers.numberOf(caption, begin, end)))
  }

  /** Length of the longest common subsequence. */
  private longestCommon(): number {
    const { given, wanted, row } = this
    row.count = 0
    for (let j = 0; j <= wanted.count; j++) row.push(0)
    const [a, b, lengths] = [given.items, wanted.items, row.items]
    for (let i = 0; i < given.count; i++) {
      let diagonal = 0
      for (let j = 1; j <= wanted.count; j++) {
        const above = lengths[j]!
        lengths[j] = a[i] === b[j - 1] ? diagonal + 1 : Math.max(above, lengths[j - 1]!)
        diagonal = above
      }
    }
    return lengths[wanted.count]!
  }
}
