import { UserError } from '../src/base/index.js'
import type { Picture, PlainEncoder } from './images.js'
import { clipStatistics, normalisation } from './normalise.js'

/** Pixels a side. */
const patchSide = 8

const normalised = normalisation(clipStatistics)

/** No encoder: pixels themselves. A patch is flattened channel, row, column. */
export const patches: PlainEncoder = {
  kind: 'plain',
  name: 'patches',
  featDim: 3 * patchSide * patchSide,
  grid({ name, width, height }) {
    if (width % patchSide !== 0 || height % patchSide !== 0) {
      throw new UserError(
        `${name} is ${width}×${height} pixels, which --vision patches can't cut into ${patchSide}×${patchSide}: ` +
          `resize it to multiples of ${patchSide}`,
      )
    }
    return { rows: height / patchSide, columns: width / patchSide }
  },
  async features(picture) {
    const { rows, columns } = patches.grid(picture)
    return cut(picture, new Float32Array(rows * columns * patches.featDim))
  },
}

/** Fills `result`, [rows of patches, columns of patches, channel, row, column]. A hot loop. */
function cut({ width, height, data }: Picture, result: Float32Array): Float32Array {
  let at = 0
  for (let top = 0; top < height; top += patchSide) {
    for (let left = 0; left < width; left += patchSide) {
      for (let channel = 0; channel < 3; channel++) {
        for (let y = top; y < top + patchSide; y++) {
          let pixel = (y * width + left) * 3 + channel
          for (let x = 0; x < patchSide; x++, pixel += 3)
            result[at++] = normalised[channel * 256 + data[pixel]!]!
        }
      }
    }
  }
  return result
}
