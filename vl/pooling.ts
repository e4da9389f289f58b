/**
 * Fewer positions a picture: adaptive max pooling over its grid or its sequence, before the visual
 * embedding and without parameters. Pictures of one sample (NLVR2 has two) are pooled each alone.
 */
import { UserError } from '../src/base/index.js'

/** Which input positions an output position is the maximum of: one list an output position. */
export type Windows = readonly (readonly number[])[]

/** Sizes of a batch of features or boxes: [batch, images, positions, width]. */
export interface Sizes {
  readonly batch: number
  readonly images: number
  readonly positions: number
  readonly width: number
}

/** The ways to pool, by the reference's option names. */
export const poolings = {
  /** √positions rows and columns → k rows and columns, k = ⌊√nBoxes⌋. */
  downsample(positions: number, nBoxes: number): Windows {
    const side = Math.round(Math.sqrt(positions))
    if (side * side !== positions) {
      throw new UserError(
        `--downsample pools a square grid, and ${positions} positions are none: leave it out, or use square pictures`,
      )
    }
    const spans = adaptiveSpans(side, Math.floor(Math.sqrt(nBoxes)))
    return spans.flatMap((rows) =>
      spans.map((columns) => rows.flatMap((row) => columns.map((column) => row * side + column))),
    )
  },
  /** The sequence of positions → nBoxes. */
  oneddownsample: (positions: number, nBoxes: number): Windows => adaptiveSpans(positions, nBoxes),
} as const satisfies Record<string, (positions: number, nBoxes: number) => Windows>

/** Output cell i of `cells` covers input cells ⌊i·length/cells⌋ … ⌈(i+1)·length/cells⌉ − 1; they may overlap. */
function adaptiveSpans(length: number, cells: number): number[][] {
  if (cells < 1 || cells > length) {
    throw new UserError(`--n-boxes asks for ${cells} of ${length} positions (a side): use 1 … ${length}`)
  }
  return Array.from({ length: cells }, (_, i) => {
    const begin = Math.floor((i * length) / cells)
    const end = Math.ceil(((i + 1) * length) / cells)
    return Array.from({ length: end - begin }, (_, offset) => begin + offset)
  })
}

/**
 * Maximum of each window, a channel at a time, each image alone.
 *
 * @param features [batch, images, positions, width]
 * @returns [batch, images, windows, width]
 */
export function maxPool(features: Float32Array, sizes: Sizes, windows: Windows): Float32Array {
  const { batch, images, positions, width } = sizes
  const pooled = new Float32Array(batch * images * windows.length * width)
  pooled.fill(Number.NEGATIVE_INFINITY)
  let at = 0
  for (let image = 0; image < batch * images; image++) {
    for (const window of windows) {
      for (const position of window) {
        const from = (image * positions + position) * width
        for (let channel = 0; channel < width; channel++)
          pooled[at + channel] = Math.max(pooled[at + channel]!, features[from + channel]!)
      }
      at += width
    }
  }
  return pooled
}

/**
 * Boxes and ids are not pooled: the first `kept` rows of each image stay.
 *
 * @param rows [batch, images, positions, width]
 * @returns [batch, images, kept, width]
 */
export function firstRows(rows: Float32Array, sizes: Sizes, kept: number): Float32Array {
  const { batch, images, positions, width } = sizes
  const result = new Float32Array(batch * images * kept * width)
  for (let image = 0; image < batch * images; image++) {
    const first = image * positions * width
    result.set(rows.subarray(first, first + kept * width), image * kept * width)
  }
  return result
}
