/** Memory of a run from shapes alone, counted by hand. */
import { expect, test } from 'vitest'
import {
  add,
  exp,
  graphOf,
  input,
  matMul,
  mul,
  parameter,
  peakBytes,
  productDims,
  reshape,
  sum,
  type Tensor,
  transpose,
} from '../../src/graph/index.js'

const sizes = new Map([['batch', 8]])
const x = () => input('x', ['batch', 10])
/** Bytes of a float32 tensor [batch, 10]. */
const one = 320

const peakOf = (outputs: Readonly<Record<string, Tensor>>) => peakBytes(graphOf(outputs), sizes)

test.each<[string, number, () => Tensor]>([
  ['inputs, parameters and outputs are the caller’s', 0, () => matMul(x(), parameter('w', [10, 7], false))],
  [
    'what is read once more is kept until then',
    3 * one,
    () => {
      const given = x()
      const kept = transpose(given, [1, 0])
      const back = transpose(transpose(transpose(given, [1, 0]), [1, 0]), [1, 0])
      return sum(mul(transpose(kept, [1, 0]), transpose(back, [1, 0])))
    },
  ],
  [
    'an elementwise result takes the place of what nobody reads again',
    one,
    () => sum(exp(exp(exp(exp(x()))))),
  ],
  [
    'but not of what is read again',
    2 * one,
    () => {
      const y = exp(x())
      return sum(add(mul(exp(y), 2), y))
    },
  ],
  ['nor of an input', one, () => sum(mul(x(), 2))],
  ['another shape takes nothing', one, () => sum(reshape(exp(x()), [productDims('batch', 10)]))],
])('%s', (_, bytes, build) => {
  expect(peakOf({ y: build() })).toBe(bytes)
})
