import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keepOrder } from '../../src/pruning/index.js'

/** `list(set(range(n)) - set(pruned))` as CPython 3.11 gave it. */
const recorded: readonly (readonly [n: number, kept: readonly number[]])[] = [
  [8, [0, 1, 2, 3, 5]],
  [8, [0, 1, 2, 3, 4, 5, 6]],
  [24, [9, 10, 11, 12, 13, 17]],
  [24, [8, 17, 10, 12]],
  [30, [11, 5, 22]],
  [42, [5, 6, 11, 15, 16, 17, 20]],
  [60, [32, 34, 3, 5, 40, 10, 42, 45, 47, 51, 22, 23, 57, 27, 30]],
  [72, [68, 69, 40, 9, 10, 42, 12, 44, 46, 48, 50, 21, 22, 54, 27, 28, 61, 62]],
  [96, [34, 35, 69, 6, 10, 13, 48, 19, 51, 27, 28, 62]],
  [
    40,
    [
      1, 2, 3, 4, 5, 6, 8, 10, 11, 13, 14, 15, 17, 18, 20, 21, 22, 24, 25, 26, 27, 28, 29, 30, 32, 33, 34, 35,
      36, 37, 39,
    ],
  ],
  [197, [162, 194, 10, 171, 45, 78, 178, 84, 148, 87, 55, 159]],
  [504, [345, 329, 29]],
]

const others = (n: number, some: readonly number[]) =>
  Array.from({ length: n }, (_, i) => i).filter((i) => !some.includes(i))

test.each(recorded)('of %d the kept ones come in the order of a Python set: %j', (n, kept) => {
  expect(keepOrder(n, others(n, kept))).toEqual(kept)
})

test('what is kept is everything that is not pruned, each once, whatever the order it was pruned in', () => {
  const drawn = fc
    .integer({ min: 1, max: 900 })
    .chain((n) => fc.tuple(fc.constant(n), fc.shuffledSubarray(others(n, []))))
  fc.assert(
    fc.property(drawn, ([n, pruned]) => {
      const kept = keepOrder(n, pruned)
      expect([...kept].sort((a, b) => a - b)).toEqual(others(n, pruned))
      expect(keepOrder(n, [...pruned].sort())).toEqual(kept)
    }),
    { seed: 5, numRuns: 60 },
  )
})
