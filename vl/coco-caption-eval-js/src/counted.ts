/** The n-grams of a corpus, counted once for all metrics that are made of them. */
import { type Counted, Grams } from './grams.js'
import type { Scored } from './scores.js'
import { splitWords } from './whiteSpace.js'

/** A caption's n-grams by their lengths. */
export interface CountedCaption {
  readonly words: number
  /** For n = 1 … 4. */
  readonly grams: readonly Counted[]
}

export interface CountedImage {
  readonly hypothesis: CountedCaption
  readonly references: readonly CountedCaption[]
}

export interface CountedCorpus {
  readonly images: readonly CountedImage[]
  /** References of each image of the corpus that says which words are rare: by default those of `images`. */
  readonly background: readonly (readonly CountedCaption[])[]
  /** n-grams are numbered below this. */
  readonly gramCount: number
}

export function countCorpus(
  images: readonly Scored[],
  background?: readonly (readonly string[])[],
): CountedCorpus {
  const grams = new Grams()
  const count = (caption: string): CountedCaption => {
    const words = splitWords(caption)
    return { words: words.length, grams: grams.countIn(words) }
  }
  const counted = images.map(({ hypothesis, references }) => ({
    hypothesis: count(hypothesis),
    references: references.map(count),
  }))
  const others = background?.map((references) => references.map(count))
  return {
    images: counted,
    background: others ?? counted.map(({ references }) => references),
    gramCount: grams.count,
  }
}
