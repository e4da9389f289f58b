/** What METEOR counts of an alignment, and the score that it makes of the counts (Denkowski and Lavie 2014, §2). */
import type { Line } from './line.js'
import type { Match } from './matches.js'

/**
 * 23 numbers: words of the hypothesis and of the reference; function words of each; for each matcher content words
 * matched in each and function words matched in each; chunks; words matched in each.
 */
export type Statistics = readonly number[]

const firstMatcher = 4
const [chunksAt, matchedAt] = [20, 21]
export const statisticsLength = 23

/** English, as tuned to rank systems. */
const [alpha, beta, gamma, delta] = [0.85, 0.2, 0.6, 0.75]
export const matcherWeights = [1, 0.6, 0.8, 0.6]

/** What a line's words count together. */
export const weightOfWords = (words: number, functionWords: number): number =>
  delta * (words - functionWords) + (1 - delta) * functionWords

export function countStatistics(hypothesis: Line, reference: Line, alignment: readonly Match[]): Statistics {
  const counts = new Array<number>(statisticsLength).fill(0)
  counts[0] = hypothesis.words.length
  counts[1] = reference.words.length
  counts[2] = hypothesis.functionWords
  counts[3] = reference.functionWords
  const count = ({ words }: Line, begin: number, length: number, at: number, total: number) => {
    for (let i = begin; i < begin + length; i++) counts[words[i]!.isFunction ? at + 2 : at]!++
    counts[total]! += length
  }
  for (const { begin, length, referenceBegin, referenceLength, matcher } of alignment) {
    const at = firstMatcher + 4 * matcher
    count(hypothesis, begin, length, at, matchedAt)
    count(reference, referenceBegin, referenceLength, at + 1, matchedAt + 1)
  }
  counts[chunksAt] = countChunks(alignment)
  return counts
}

/** Runs of matches that follow each other in both lines. */
function countChunks(alignment: readonly Match[]): number {
  return alignment.filter(({ begin, referenceBegin }, i) => {
    const before = alignment[i - 1]
    if (!before) return true
    const follows =
      before.begin + before.length === begin &&
      before.referenceBegin + before.referenceLength === referenceBegin
    return !follows
  }).length
}

/** All words of both lines are matched, in one piece. */
function isWhole(counts: Statistics): boolean {
  return counts[matchedAt] === counts[0] && counts[matchedAt + 1] === counts[1] && counts[chunksAt]! <= 1
}

export function scoreOf(counts: Statistics): number {
  const weighted = (line: 0 | 1) => weightOfWords(counts[line]!, counts[2 + line]!)
  const matched = (line: 0 | 1) => {
    let sum = 0
    matcherWeights.forEach((weight, k) => {
      sum += counts[firstMatcher + 4 * k + line]! * weight * delta
    })
    matcherWeights.forEach((weight, k) => {
      sum += counts[firstMatcher + 4 * k + 2 + line]! * weight * (1 - delta)
    })
    return sum
  }
  const pieces = counts[chunksAt]! / ((counts[matchedAt]! + counts[matchedAt + 1]!) / 2)
  return combine(matched(0) / weighted(0), matched(1) / weighted(1), isWhole(counts) ? 0 : pieces)
}

/** @param fragmentation from 0 for a line in one piece to 1 for words that are matched alone */
export function combine(precision: number, recall: number, fragmentation: number): number {
  const mean = 1 / ((1 - alpha) / precision + alpha / recall)
  const score = mean * (1 - gamma * fragmentation ** beta)
  return Number.isNaN(score) ? 0 : Math.max(0, score) // not a number: no match, or an empty line
}

/** The sum over a corpus: the one chunk of a line that is matched as a whole is not counted. */
export function addStatistics(sum: number[], counts: Statistics): void {
  counts.forEach((value, i) => {
    if (i !== chunksAt || !(isWhole(counts) && value === 1)) sum[i]! += value
  })
}
