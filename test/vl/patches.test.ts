import { expect, test } from 'vitest'
import { openVisionEncoder, type Picture, type PlainEncoder } from '../../vl/index.js'

const patches = openVisionEncoder('patches', { cache: '' }) as PlainEncoder

/** 16 wide, 8 high; every channel of every pixel has a value of its own, modulo 256. */
const picture: Picture = {
  name: 'kitchen.png',
  width: 16,
  height: 8,
  data: Uint8Array.from({ length: 16 * 8 * 3 }, (_, i) => i),
}

test('patches are row-major, each flattened channel, row, column, normalised as CLIP does', async () => {
  const features = await patches.features(picture)
  expect(features).toHaveLength(2 * patches.featDim)
  const at = (patch: number, channel: number, y: number, x: number) =>
    features[patch * 192 + channel * 64 + y * 8 + x]
  const value = (y: number, x: number, channel: number) => picture.data[(y * 16 + x) * 3 + channel]!
  expect(at(1, 2, 3, 4)).toBeCloseTo((value(3, 12, 2) / 255 - 0.40821073) / 0.27577711, 6)
  expect(at(0, 0, 7, 1)).toBeCloseTo((value(7, 1, 0) / 255 - 0.48145466) / 0.26862954, 6)
})

test('a size that is not a multiple of 8 is refused with the size and the way out', async () => {
  await expect(patches.features({ ...picture, width: 12 })).rejects.toThrow(
    /^kitchen\.png is 12×8 pixels, .*resize it to multiples of 8$/,
  )
})
