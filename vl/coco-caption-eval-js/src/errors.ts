/** Why images can't be evaluated, where the official evaluation stops too. */
export type Refusal = 'no result' | 'no reference' | 'several results' | 'unknown image'

/** Something about what was given that its owner can mend: one sentence with the image or file, and what to do. */
export class CaptionError extends Error {
  override name = 'CaptionError'

  constructor(
    message: string,
    readonly refusal?: Refusal,
  ) {
    super(message)
  }
}
