/** The n-grams of a corpus, counted once for all metrics that are made of them. */
import { type CountedGrams, Grams } from './grams.js'
import type { Scored } from './scores.js'

/** Captions by their numbers. */
export interface CountedImage {
  readonly hypothesis: number
  readonly references: readonly number[]
}

export interface CountedCorpus extends CountedGrams {
  readonly images: readonly CountedImage[]
  /** References of each image of the corpus that says which words are rare: by default those of `images`. */
  readonly background: readonly (readonly number[])[]
  /** n-grams are numbered below this. */
  readonly gramCount: number
}

export function countCorpus(
  images: readonly Scored[],
  background?: readonly (readonly string[])[],
): CountedCorpus {
  const grams = new Grams()
  const add = (caption: string) => grams.add(caption)
  const counted = images.map(({ hypothesis, references }) => ({
    hypothesis: add(hypothesis),
    references: references.map(add),
  }))
  const others = background?.map((references) => references.map(add))
  return {
    ...grams.counted,
    images: counted,
    background: others ?? counted.map(({ references }) => references),
    gramCount: grams.count,
  }
}
