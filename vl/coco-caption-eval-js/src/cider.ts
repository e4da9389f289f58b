/**
 * CIDEr as the COCO evaluation computes it: CIDEr-D (Vedantam et al. 2015, §4) with clipped weights and a penalty for
 * lengths, without stemming.
 */
import type { CountedCorpus } from './counted.js'
import { CaptionError } from './errors.js'
import { longestGram } from './grams.js'
import { meanScore, type Score } from './scores.js'

/** Standard deviation of the penalty, in bigrams. */
const sigma = 6

/** A corpus with what its n-grams weigh. */
interface Weighted {
  readonly corpus: CountedCorpus
  /** As `ids` of the corpus: how often an n-gram occurs times how rare it is. */
  readonly weights: Float64Array
  /** Of each caption's n-grams of each length, as `starts` of the corpus. */
  readonly norms: Float64Array
}

/** @throws {CaptionError} no reference has a word */
export function cider(corpus: CountedCorpus): Score {
  const weighted = weigh(corpus)
  const wanted = new Float64Array(corpus.gramCount)
  const sums = new Float64Array(longestGram)
  const perImage = corpus.images.map(({ hypothesis, references }) => {
    sums.fill(0)
    for (const reference of references) addSimilarity(weighted, { hypothesis, reference }, wanted, sums)
    const mean = sums.reduce((sum, value) => sum + value, 0) / longestGram
    return (mean / references.length) * 10
  })
  return meanScore(perImage)
}

function weigh(corpus: CountedCorpus): Weighted {
  const { starts, ids, counts } = corpus
  const rarity = rarityOf(corpus)
  const weights = new Float64Array(ids.length)
  const norms = new Float64Array(starts.length - 1)
  for (let list = 0; list < norms.length; list++) {
    let squares = 0
    for (let i = starts[list]!; i < starts[list + 1]!; i++) {
      const weight = counts[i]! * rarity[ids[i]!]!
      squares += weight ** 2
      weights[i] = weight
    }
    norms[list] = Math.sqrt(squares)
  }
  return { corpus, weights, norms }
}

/** How rare n-grams are, by their numbers: log N − log(number of images that have it in a reference). */
function rarityOf({ background, starts, ids, gramCount }: CountedCorpus): Float64Array {
  const frequencies = new Int32Array(gramCount)
  const lastImage = new Int32Array(gramCount).fill(-1)
  let most = 0
  background.forEach((references, image) => {
    for (const reference of references) {
      const end = starts[longestGram * (reference + 1)]!
      for (let i = starts[longestGram * reference]!; i < end; i++) {
        const id = ids[i]!
        if (lastImage[id] === image) continue
        lastImage[id] = image
        most = Math.max(most, ++frequencies[id]!)
      }
    }
  })
  if (most === 0)
    throw new CaptionError('no reference has a word: CIDEr weighs words by how rare they are there')
  const whole = Math.log(background.length)
  const rarity = new Float64Array(gramCount)
  for (let id = 0; id < gramCount; id++) rarity[id] = whole - Math.log(Math.max(1, frequencies[id]!))
  return rarity
}

interface Pair {
  readonly hypothesis: number
  readonly reference: number
}

/** @param wanted zeros for all n-grams, left as such */
function addSimilarity(
  { corpus: { starts, ids, words }, weights, norms }: Weighted,
  { hypothesis, reference }: Pair,
  wanted: Float64Array,
  sums: Float64Array,
): void {
  const bigrams = (caption: number) => Math.max(0, words[caption]! - 1) // none for one word
  const penalty = Math.exp(-((bigrams(hypothesis) - bigrams(reference)) ** 2) / (2 * sigma ** 2))
  for (let n = 0; n < longestGram; n++) {
    const given = longestGram * hypothesis + n
    const list = longestGram * reference + n
    const norm = norms[given]! * norms[list]!
    if (norm === 0) continue // then no weight is shared either
    const end = starts[list + 1]!
    for (let i = starts[list]!; i < end; i++) wanted[ids[i]!] = weights[i]!
    let shared = 0
    for (let i = starts[given]!; i < starts[given + 1]!; i++) {
      const weight = wanted[ids[i]!]!
      shared += Math.min(weights[i]!, weight) * weight
    }
    for (let i = starts[list]!; i < end; i++) wanted[ids[i]!] = 0
    sums[n]! += (shared / norm) * penalty
  }
}
