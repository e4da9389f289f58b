/** ROUGE-L (Lin 2004): an F-measure of longest common subsequences. */
import { meanScore, type Score, type Scored } from './scores.js'

const beta = 1.2

/** Precision and recall are the best over the references each, which may be two different ones. */
export function rougeL(images: readonly Scored[]): Score {
  return meanScore(images.map(scoreOf))
}

function scoreOf({ hypothesis, references }: Scored): number {
  // At single spaces: two empty captions have an empty word in common.
  const words = hypothesis.split(' ')
  let [precision, recall] = [0, 0]
  for (const reference of references) {
    const wanted = reference.split(' ')
    const common = longestCommon(words, wanted)
    precision = Math.max(precision, common / words.length)
    recall = Math.max(recall, common / wanted.length)
  }
  if (precision === 0 || recall === 0) return 0
  return ((1 + beta ** 2) * precision * recall) / (recall + beta ** 2 * precision)
}

/** Length of the longest common subsequence. */
function longestCommon(a: readonly string[], b: readonly string[]): number {
  const row = new Int32Array(b.length + 1)
  for (const word of a) {
    let diagonal = 0
    for (let j = 1; j <= b.length; j++) {
      const above = row[j]!
      row[j] = word === b[j - 1] ? diagonal + 1 : Math.max(above, row[j - 1]!)
      diagonal = above
    }
  }
  return row[b.length]!
}
