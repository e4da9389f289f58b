/** What no alignment of a hypothesis with a reference can exceed: most references need no search for theirs. */
import type { Line } from './line.js'
import type { Match, Matches } from './matches.js'
import { combine, matcherWeights, weightOfWords } from './statistics.js'
import { longestPhrase } from './tables.js'

/**
 * A score that is reached at most: every word that is in a match counts by its best one, and all chunks are as long as
 * the longest that there could be.
 */
export function ceilingOf(hypothesis: Line, reference: Line, { at }: Matches): number {
  const [best, referenceBest] = [zeros(hypothesis), zeros(reference)]
  for (const list of at) {
    for (const { begin, length, referenceBegin, referenceLength, matcher } of list) {
      const weight = matcherWeights[matcher]!
      raise(best, begin, length, weight)
      raise(referenceBest, referenceBegin, referenceLength, weight)
    }
  }
  const longest = longestChunk(at, hypothesis.words.length)
  const isWhole = longest === hypothesis.words.length + reference.words.length
  return combine(
    weighted(hypothesis, best) / weightOf(hypothesis),
    weighted(reference, referenceBest) / weightOf(reference),
    isWhole ? 0 : 2 / longest,
  )
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

/** Words of both lines in the longest run of matches that follow each other in both. */
function longestChunk(at: readonly (readonly Match[])[], hypothesisWords: number): number {
  const width = hypothesisWords + 1
  /** By where a run ends in the reference, as far as matches reach from a word, and in the hypothesis. */
  const runs = new Array<number>((longestPhrase + 1) * width).fill(0)
  const rowOf = (word: number) => (word % (longestPhrase + 1)) * width
  let longest = 0
  for (let word = 0; word < at.length; word++) {
    const row = rowOf(word)
    for (const { begin, length, referenceLength } of at[word]!) {
      const run = runs[row + begin]! + length + referenceLength
      const end = rowOf(word + referenceLength) + begin + length
      if (run > runs[end]!) runs[end] = run
      if (run > longest) longest = run
    }
    runs.fill(0, row, row + width)
  }
  return longest
}
