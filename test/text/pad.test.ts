import { expect, test } from 'vitest'
import { padBatch } from '../../src/text/index.js'

test('rows are filled up at the right to the longest', () => {
  expect(padBatch([[5, 1], [7, 8, 1], []], 0)).toEqual({
    ids: BigInt64Array.of(5n, 1n, 0n, 7n, 8n, 1n, 0n, 0n, 0n),
    batch: 3,
    length: 3,
  })
})

test('the filling may be negative, as for labels', () => {
  expect(padBatch([[3], [4, 1]], -100).ids).toEqual(BigInt64Array.of(3n, -100n, 4n, 1n))
})
