/** Pictures as CLIP's vision tower wants them. */
import type { Pixels } from '../images.js'
import { resizeBicubic } from './resize.js'

/**
 * How a picture of any size becomes a square of `side` pixels, 8 bits a channel.
 *
 * - `squash`: resized to the square, its aspect ratio lost, as the paper's extractor does
 * - `crop`: the short side resized, then the middle cut out, as CLIP does
 */
export const imageFits = {
  squash: (picture: Pixels, side: number): Pixels => resizeBicubic(picture, { width: side, height: side }),
  crop(picture: Pixels, side: number): Pixels {
    const { width, height } = picture
    const short = Math.min(width, height)
    const resized = (length: number) => (length === short ? side : Math.floor((side * length) / short))
    const size = { width: resized(width), height: resized(height) }
    const window = { left: middle(size.width - side), top: middle(size.height - side) }
    return resizeBicubic(picture, size, { ...window, width: side, height: side })
  },
} as const satisfies Record<string, (picture: Pixels, side: number) => Pixels>

export type ImageFit = keyof typeof imageFits

/** Half of a length, rounded to the even neighbour. */
function middle(length: number): number {
  const below = Math.floor(length / 2)
  return length % 2 === 0 || below % 2 === 0 ? below : below + 1
}

/**
 * Writes normalised pixels, channels first. Hot.
 *
 * @param table [3, 256], of `normalisation`
 * @param into [3, height, width] from element `at` on
 */
export function normalisePixels({ data }: Pixels, table: Float32Array, into: Float32Array, at = 0): void {
  const count = data.length / 3
  for (let i = 0, from = 0; i < count; i++, from += 3) {
    into[at + i] = table[data[from]!]!
    into[at + count + i] = table[256 + data[from + 1]!]!
    into[at + 2 * count + i] = table[512 + data[from + 2]!]!
  }
}
