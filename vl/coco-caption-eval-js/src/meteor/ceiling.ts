/** What no alignment of a hypothesis with a reference can exceed: most references need no search for theirs. */
import type { Line } from './line.js'
import type { Match, Matches } from './matches.js'
import { combine, matcherWeights, weightOfWords } from './statistics.js'
import { longestPhrase } from './tables.js'

export class Ceiling {
  /** Words in runs, by where these end in the reference, as far as matches reach from a word, and in the hypothesis. */
  private runs = new Int32Array(2 ** 8)

  /**
   * A score that is reached at most: every word that is in a match counts by its best one, and all chunks are as long as
   * the longest that there could be.
   */
  of(hypothesis: Line, reference: Line, { at }: Matches): number {
    const [best, referenceBest] = [zeros(hypothesis), zeros(reference)]
    for (const list of at) {
      for (const { begin, length, referenceBegin, referenceLength, matcher } of list) {
        const weight = matcherWeights[matcher]!
        raise(best, begin, length, weight)
        raise(referenceBest, referenceBegin, referenceLength, weight)
      }
    }
    const longest = this.longestChunk(at, hypothesis.words.length)
    const isWhole = longest === hypothesis.words.length + reference.words.length
    return combine(
      weighted(hypothesis, best) / weightOf(hypothesis),
      weighted(reference, referenceBest) / weightOf(reference),
      isWhole ? 0 : 2 / longest,
    )
  }

  /** Words of both lines in the longest run of matches that follow each other in both. */
  private longestChunk(at: readonly (readonly Match[])[], hypothesisWords: number): number {
    const width = hypothesisWords + 1
    const size = (longestPhrase + 1) * width
    if (size > this.runs.length) this.runs = new Int32Array(2 * size)
    const { runs } = this
    const rowOf = (word: number) => (word % (longestPhrase + 1)) * width
    runs.fill(0, 0, size)
    let longest = 0
    for (let word = 0; word < at.length; word++) {
      const row = rowOf(word)
      for (const { begin, length, referenceLength } of at[word]!) {
        const run = runs[row + begin]! + length + referenceLength
        const end = rowOf(word + referenceLength) + begin + length
        if (run > runs[end]!) runs[end] = run
        if (run > longest) longest = run
      }
      for (let i = row; i < row + width; i++) runs[i] = 0
    }
    return longest
  }
}

const weightOf = ({ words, functionWords }: Line) => weightOfWords(words.length, functionWords)

const zeros = ({ words }: Line) => new Array<number>(words.length).fill(0)

function raise(best: number[], begin: number, length: number, weight: number): void {
  for (let i = begin; i < begin + length; i++) if (best[i]! < weight) best[i] = weight
}

function weighted({ words }: Line, best: readonly number[]): number {
  let sum = 0
  for (let i = 0; i < best.length; i++) sum += best[i]! * weightOfWords(1, words[i]!.isFunction ? 1 : 0)
  return sum
}
