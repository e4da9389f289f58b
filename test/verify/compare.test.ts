import { describe, expect, test } from 'vitest'
import { compareCheck, compareTensor, isSameShape, toleranceOf } from '../../src/verify/compare.js'
import { readCase } from '../../src/verify/index.js'
import { floats, integers } from '../../src/verify/values.js'
import { changed } from './cases.js'

const within = { rtol: 1e-3, atol: 1e-2 }
const equal = { rtol: 0, atol: 0 }

test('the tolerance is relative to the largest element of the tensor', () => {
  const want = floats([3], [100, 1, 0])
  expect(compareTensor(floats([3], [100, 1, 0.1]), want, within)).toBeUndefined()
  expect(compareTensor(floats([3], [100, 1.2, 0]), want, within)).toBe(
    'is off by 2.0e-1 at [1]: got 1.2000000476837158, want 1, allowed 1.1e-1',
  )
})

test('the worst element is named by its place', () => {
  const want = floats([2, 3], [0, 0, 0, 0, 0, 0])
  expect(compareTensor(floats([2, 3], [1, 0, 0, 0, 0, -4]), want, equal)).toContain(
    '4.0e+0 at [1, 2]: got -4',
  )
})

describe('not a number and infinity', () => {
  test.each([
    [Number.NaN, 0],
    [Number.NaN, Number.NaN],
    [0, Number.NaN],
    [Number.POSITIVE_INFINITY, 1],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ])('%d is not %d', (got, want) => {
    expect(compareTensor(floats([1], [got]), floats([1], [want]), within)).toContain('off by Infinity')
  })

  test('infinity is as it should be where it is expected', () => {
    const infinite = floats([2], [Number.POSITIVE_INFINITY, 1])
    expect(compareTensor(infinite, infinite, equal)).toBeUndefined()
  })
})

test('shapes must be equal, but a scalar may have an axis', () => {
  expect(isSameShape([1], [])).toBe(true)
  expect(isSameShape([1, 1], [])).toBe(false)
  expect(compareTensor(floats([1], [2]), floats([], [2]), equal)).toBeUndefined()
  expect(compareTensor(floats([2], [2, 2]), floats([2, 1], [2, 2]), equal)).toContain('is (2) where (2, 1)')
  expect(compareTensor(undefined, floats([], [0]), within)).toBe('is not computed')
})

test('integers are compared as numbers', () => {
  expect(compareTensor(integers([2], [1, 2]), integers([2], [1, 3]), equal)).toContain(
    'at [1]: got 2, want 3',
  )
})

test('the longest prefix wins; without any, values must be equal', () => {
  const recorded = readCase(
    changed('vl/norms', {
      json: (json) =>
        Object.assign(json, {
          tolerance: {
            'grad/': { rtol: 1, atol: 0 },
            'grad/rms': { rtol: 2, atol: 0 },
            want: { rtol: 3, atol: 0 },
          },
        }),
    }),
  )
  const rtol = (name: string) => toleranceOf(recorded, name).rtol
  expect([rtol('grad/rms.x'), rtol('grad/layer_norm.x'), rtol('want/rms'), rtol('after/x')]).toEqual([
    2, 1, 3, 0,
  ])
})

test('JSON is compared value by value', () => {
  const want = { a: [1, 2], b: { c: 'x' }, d: null }
  const compared = (got: unknown) => compareCheck({ name: 'n', want, got }, { rtol: 0, atol: 0.5 })
  expect(compared({ a: [1.2, 2], b: { c: 'x' }, d: null })).toEqual({ compared: 4, faults: [] })
  expect(compared({ a: [1], b: { c: 'y' }, d: null, e: 1 }).faults).toEqual([
    'n.a.1 is not there, want 2',
    'n.b.c is "y", want "x"',
    'n.e is 1, want not there',
  ])
  expect(compared(undefined).faults).toHaveLength(1)
})
