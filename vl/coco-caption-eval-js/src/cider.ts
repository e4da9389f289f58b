/**
 * CIDEr as the COCO evaluation computes it: CIDEr-D (Vedantam et al. 2015, §4) with clipped weights and a penalty for
 * lengths, without stemming.
 */
import type { CountedCaption, CountedCorpus } from './counted.js'
import { CaptionError } from './errors.js'
import { longestGram } from './grams.js'
import { meanScore, type Score } from './scores.js'

/** Standard deviation of the penalty, in bigrams. */
const sigma = 6

/** How rare n-grams are: log N − log(number of images that have it in a reference), by their numbers. */
type Rarity = Float64Array

/** A caption's weights, as its n-grams are ordered. */
interface Weighted {
  readonly caption: CountedCaption
  /** For n = 1 … 4. */
  readonly weights: readonly (readonly number[])[]
  readonly norms: readonly number[]
  /** Number of bigrams: none for one word. */
  readonly length: number
}

/** @throws {CaptionError} no reference has a word */
export function cider(corpus: CountedCorpus): Score {
  const rarity = rarityOf(corpus)
  const wanted = new Float64Array(corpus.gramCount)
  const perImage = corpus.images.map(({ hypothesis, references }) => {
    const given = weigh(hypothesis, rarity)
    const sums = new Float64Array(longestGram)
    for (const reference of references) addSimilarity(given, weigh(reference, rarity), wanted, sums)
    const mean = sums.reduce((sum, value) => sum + value, 0) / longestGram
    return (mean / references.length) * 10
  })
  return meanScore(perImage)
}

function rarityOf({ background, gramCount }: CountedCorpus): Rarity {
  const frequencies = new Int32Array(gramCount)
  const lastImage = new Int32Array(gramCount).fill(-1)
  let most = 0
  background.forEach((references, image) => {
    for (const { grams } of references)
      for (const { ids } of grams)
        for (const id of ids) {
          if (lastImage[id] === image) continue
          lastImage[id] = image
          most = Math.max(most, ++frequencies[id]!)
        }
  })
  if (most === 0)
    throw new CaptionError('no reference has a word: CIDEr weighs words by how rare they are there')
  const whole = Math.log(background.length)
  return Float64Array.from(frequencies, (frequency) => whole - Math.log(Math.max(1, frequency)))
}

function weigh(caption: CountedCaption, rarity: Rarity): Weighted {
  const norms: number[] = []
  const weights = caption.grams.map(({ ids, counts }) => {
    const list: number[] = []
    let squares = 0
    for (let i = 0; i < ids.length; i++) {
      const weight = counts[i]! * rarity[ids[i]!]!
      squares += weight ** 2
      list.push(weight)
    }
    norms.push(Math.sqrt(squares))
    return list
  })
  return { caption, weights, norms, length: Math.max(0, caption.words - 1) }
}

/** @param wanted zeros for all n-grams, left as such */
function addSimilarity(given: Weighted, reference: Weighted, wanted: Float64Array, sums: Float64Array): void {
  const penalty = Math.exp(-((given.length - reference.length) ** 2) / (2 * sigma ** 2))
  for (let n = 0; n < longestGram; n++) {
    const norms = given.norms[n]! * reference.norms[n]!
    if (norms === 0) continue // then no weight is shared either
    const { ids: wantedIds } = reference.caption.grams[n]!
    for (let i = 0; i < wantedIds.length; i++) wanted[wantedIds[i]!] = reference.weights[n]![i]!
    const { ids } = given.caption.grams[n]!
    let shared = 0
    for (let i = 0; i < ids.length; i++) {
      const weight = wanted[ids[i]!]!
      shared += Math.min(given.weights[n]![i]!, weight) * weight
    }
    for (const id of wantedIds) wanted[id] = 0
    sums[n]! += (shared / norms) * penalty
  }
}
