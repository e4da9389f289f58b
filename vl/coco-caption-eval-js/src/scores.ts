/** A caption to be scored and what it is compared with: tokens with one space between. */
export interface Scored {
  readonly hypothesis: string
  readonly references: readonly string[]
}

/** A metric's value of the whole corpus, and of every image, in the order of the images. */
export interface Score {
  readonly overall: number
  readonly perImage: readonly number[]
}

export function meanScore(perImage: readonly number[]): Score {
  return { overall: perImage.reduce((sum, score) => sum + score, 0) / perImage.length, perImage }
}
