/**
 * Pillow's bicubic resizing of 8-bit pictures (ImagingResample), bit for bit: first along rows, then along columns, with
 * fixed-point weights, and rounded to 8 bits between. Newer versions choose the order by cost; the papers' had this one.
 */
import type { PixelSize, Pixels } from '../images.js'

/** A part of a picture. */
export interface Window extends PixelSize {
  readonly left: number
  readonly top: number
}

/** Bits behind the point of a weight. */
const precision = 22
const half = 1 << (precision - 1)

/** Keys' kernel with a = −0.5. */
function kernel(distance: number): number {
  const a = -0.5
  const t = Math.abs(distance)
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0
}

/** What output positions take: from `firsts[i]` on `counts[i]` sources, by weights that begin at `i · most`. */
interface Taps {
  readonly firsts: Int32Array
  readonly counts: Int32Array
  readonly weights: Int32Array
  readonly most: number
}

/** The taps of output positions `begin` … `begin` + `count` − 1 of a pass from `from` to `to` pixels. */
function tapsOf(from: number, to: number, begin: number, count: number): Taps {
  const scale = from / to
  const filterScale = Math.max(scale, 1)
  const support = 2 * filterScale
  const most = Math.ceil(support) * 2 + 1
  const [firsts, counts] = [new Int32Array(count), new Int32Array(count)]
  const weights = new Int32Array(count * most)
  const shares = new Float64Array(most)
  for (let i = 0; i < count; i++) {
    const centre = (begin + i + 0.5) * scale
    const first = Math.max(0, Math.trunc(centre - support + 0.5))
    const taps = Math.min(from, Math.trunc(centre + support + 0.5)) - first
    let total = 0
    for (let k = 0; k < taps; k++) {
      shares[k] = kernel((k + first - centre + 0.5) * (1 / filterScale))
      total += shares[k]!
    }
    for (let k = 0; k < taps; k++) {
      const share = (shares[k]! / total) * (1 << precision)
      weights[i * most + k] = Math.trunc(share + (share < 0 ? -0.5 : 0.5))
    }
    firsts[i] = first
    counts[i] = taps
  }
  return { firsts, counts, weights, most }
}

const toByte = (sum: number): number => Math.min(255, Math.max(0, sum >> precision))

/** Rows `top` … `top` + `rows` − 1 of the picture, each resized by the taps. Hot. */
function alongRows(
  picture: Pixels,
  { firsts, counts, weights, most }: Taps,
  top: number,
  rows: number,
): Pixels {
  const width = firsts.length
  const { data } = picture
  const result = new Uint8Array(rows * width * 3)
  for (let y = 0, at = 0; y < rows; y++) {
    const row = (top + y) * picture.width * 3
    for (let x = 0; x < width; x++, at += 3) {
      let [red, green, blue] = [half, half, half]
      let from = row + firsts[x]! * 3
      const end = x * most + counts[x]!
      for (let k = x * most; k < end; k++, from += 3) {
        const weight = weights[k]!
        red = (red + Math.imul(data[from]!, weight)) | 0
        green = (green + Math.imul(data[from + 1]!, weight)) | 0
        blue = (blue + Math.imul(data[from + 2]!, weight)) | 0
      }
      result[at] = toByte(red)
      result[at + 1] = toByte(green)
      result[at + 2] = toByte(blue)
    }
  }
  return { width, height: rows, data: result }
}

/** Columns resized by the taps, whose rows are counted from `top`. Hot: whole rows are added up, one after the other. */
function alongColumns({ width, data }: Pixels, { firsts, counts, weights, most }: Taps, top: number): Pixels {
  const [height, row] = [firsts.length, width * 3]
  const result = new Uint8Array(height * row)
  const sums = new Int32Array(row)
  for (let y = 0; y < height; y++) {
    sums.fill(half)
    for (let k = 0; k < counts[y]!; k++) {
      const weight = weights[y * most + k]!
      const from = (firsts[y]! + k - top) * row
      for (let i = 0; i < row; i++) sums[i] = (sums[i]! + Math.imul(data[from + i]!, weight)) | 0
    }
    for (let i = 0; i < row; i++) result[y * row + i] = toByte(sums[i]!)
  }
  return { width, height, data: result }
}

/** A part of a picture as it is. */
function cropped(picture: Pixels, { left, top, width, height }: Window): Pixels {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    const begin = ((top + y) * picture.width + left) * 3
    data.set(picture.data.subarray(begin, begin + width * 3), y * width * 3)
  }
  return { width, height, data }
}

/**
 * The picture resized to `size`, of which only `window` is computed.
 *
 * @param window the whole by default
 */
export function resizeBicubic(
  picture: Pixels,
  size: PixelSize,
  window: Window = { left: 0, top: 0, ...size },
): Pixels {
  const vertical =
    size.height === picture.height
      ? undefined
      : tapsOf(picture.height, size.height, window.top, window.height)
  const top = vertical ? Math.min(...vertical.firsts) : window.top
  const bottom = vertical
    ? Math.max(...vertical.firsts.map((first, i) => first + vertical.counts[i]!))
    : window.top + window.height
  const rows = bottom - top
  const horizontal =
    size.width === picture.width
      ? cropped(picture, { left: window.left, top, width: window.width, height: rows })
      : alongRows(picture, tapsOf(picture.width, size.width, window.left, window.width), top, rows)
  return vertical ? alongColumns(horizontal, vertical, top) : horizontal
}
