import { describe, expect, test } from 'vitest'
import { firstRows, maxPool, poolings } from '../../vl/index.js'
import { tensorOf } from './safetensors.js'

describe('pooling agrees with the recorded cases', () => {
  test.each([
    { path: 'vl/visual-embedding-t5-downsample', kind: 'downsample', images: 2, nBoxes: 4 },
    { path: 'vl/visual-embedding-t5-downsample-1d', kind: 'oneddownsample', images: 1, nBoxes: 4 },
  ] as const)('$path', ({ path, kind, images, nBoxes }) => {
    const features = tensorOf(path, 'in/vis_feats')
    const want = tensorOf(path, 'want/downsampled')
    const [batch, rows, width] = features.shape as [number, number, number]
    const sizes = { batch, images, positions: rows / images, width }
    const pooled = maxPool(features.data, sizes, poolings[kind](sizes.positions, nBoxes))
    expect(pooled).toEqual(want.data)
  })
})

test('windows of 7 to 6 overlap by one, and 36 boxes of a 7×7 grid are 6×6', () => {
  const windows = poolings.downsample(49, 36)
  expect(windows).toHaveLength(36)
  expect(windows[0]).toEqual([0, 1, 7, 8])
  expect(windows[35]).toEqual([40, 41, 47, 48])
})

test('the first rows of each image are kept', () => {
  const boxes = Float32Array.from({ length: 2 * 3 * 2 }, (_, i) => i)
  const kept = firstRows(boxes, { batch: 1, images: 2, positions: 3, width: 2 }, 2)
  expect([...kept]).toEqual([0, 1, 2, 3, 6, 7, 8, 9])
})

test('a grid that is not square, and more boxes than positions, are refused with the way out', () => {
  expect(() => poolings.downsample(50, 36)).toThrow(/--downsample pools a square grid, and 50 positions/)
  expect(() => poolings.oneddownsample(10, 11)).toThrow(/--n-boxes asks for 11 of 10 positions/)
})
