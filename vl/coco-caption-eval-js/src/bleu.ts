/**
 * BLEU (Papineni et al. 2002) as the COCO evaluation computes it: closest reference lengths, and small numbers added so
 * that nothing is divided by zero.
 */
import type { CountedCorpus, CountedImage } from './counted.js'
import { longestGram } from './grams.js'
import type { Score } from './scores.js'

const small = 1e-9
const tiny = 1e-15

/** What an image adds to the corpus; `guess` and `correct` for n = 1 … 4. */
interface Statistics {
  readonly length: number
  readonly referenceLength: number
  readonly guess: readonly number[]
  readonly correct: readonly number[]
}

const lengths = Array.from({ length: longestGram }, (_, n) => n + 1)

/** @returns BLEU-1 … BLEU-4 */
export function bleu(corpus: CountedCorpus): readonly Score[] {
  const most = new Int32Array(corpus.gramCount)
  const statistics = corpus.images.map((image) => statisticsOf(corpus, image, most))
  const perImage = statistics.map(scoresOf)
  const overall = scoresOf(sumOf(statistics))
  return lengths.map((_, n) => ({ overall: overall[n]!, perImage: perImage.map((scores) => scores[n]!) }))
}

/** @param most zeros for all n-grams, left as such */
function statisticsOf(corpus: CountedCorpus, image: CountedImage, most: Int32Array): Statistics {
  const length = corpus.words[image.hypothesis]!
  return {
    length,
    referenceLength: closest(length, image, corpus),
    guess: lengths.map((n) => Math.max(0, length - n + 1)),
    correct: lengths.map((n) => clippedMatches(corpus, image, n, most)),
  }
}

/** Σ min(count, largest count in a single reference) over the n-grams of the hypothesis. */
function clippedMatches(
  { starts, ids, counts }: CountedCorpus,
  { hypothesis, references }: CountedImage,
  n: number,
  most: Int32Array,
): number {
  const given = longestGram * hypothesis + n - 1
  for (const reference of references) {
    const list = longestGram * reference + n - 1
    for (let i = starts[list]!; i < starts[list + 1]!; i++)
      most[ids[i]!] = Math.max(most[ids[i]!]!, counts[i]!)
  }
  let matches = 0
  for (let i = starts[given]!; i < starts[given + 1]!; i++) matches += Math.min(counts[i]!, most[ids[i]!]!)
  for (const reference of references) {
    const list = longestGram * reference + n - 1
    for (let i = starts[list]!; i < starts[list + 1]!; i++) most[ids[i]!] = 0
  }
  return matches
}

/** Of two lengths that are equally close the shorter one. */
function closest(length: number, { references }: CountedImage, { words }: CountedCorpus): number {
  const nearest = references.reduce((best, each) => {
    const gain = Math.abs(words[best]! - length) - Math.abs(words[each]! - length)
    return gain > 0 || (gain === 0 && words[each]! < words[best]!) ? each : best
  })
  return words[nearest]!
}

function sumOf(statistics: readonly Statistics[]): Statistics {
  const sum = (pick: (each: Statistics) => number) =>
    statistics.reduce((total, each) => total + pick(each), 0)
  return {
    length: sum(({ length }) => length),
    referenceLength: sum(({ referenceLength }) => referenceLength),
    guess: lengths.map((_, n) => sum(({ guess }) => guess[n]!)),
    correct: lengths.map((_, n) => sum(({ correct }) => correct[n]!)),
  }
}

function scoresOf({ length, referenceLength, guess, correct }: Statistics): number[] {
  const ratio = (length + tiny) / (referenceLength + small)
  const penalty = ratio < 1 ? Math.exp(1 - 1 / ratio) : 1
  let product = 1
  return lengths.map((n, i) => {
    product *= (correct[i]! + tiny) / (guess[i]! + small)
    return product ** (1 / n) * penalty
  })
}
