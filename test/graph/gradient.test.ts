import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../../src/base/index.js'
import { ancestors } from '../../src/graph/gradient.js'
import {
  add,
  gather,
  gradients,
  greater,
  input,
  matMul,
  mul,
  parameter,
  relu,
  sigmoid,
  softmax,
  sub,
  sum,
  type Tensor,
  tanh,
  where,
} from '../../src/graph/index.js'
import { float32, int64 } from '../../src/runtime/index.js'
import { compareWithDifferences } from '../support/differences.js'
import { evaluate, normalTensor, numbersOf, probe } from '../support/operators.js'

/** How often each operator stands between the leaves and `tensors`. */
function operatorCounts(tensors: readonly Tensor[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { source } of ancestors(tensors))
    if (source.kind === 'node') counts[source.operator.name] = (counts[source.operator.name] ?? 0) + 1
  return counts
}

describe('gradients', () => {
  const x = input('x', ['batch', 4])

  test('walk only what leads to a trained tensor', () => {
    const frozen = Array.from({ length: 3 }, (_, i) => parameter(`frozen${i}`, [4, 4], false))
    const trained = Array.from({ length: 2 }, (_, i) => parameter(`trained${i}`, [4, 4], true))
    const backbone = frozen.reduce((h, weight) => tanh(matMul(h, weight)), x)
    const ladder = trained.reduce((h, weight) => relu(matMul(h, weight)), backbone)
    const found = gradients(sum(ladder), trained)
    // Forward: 3 + 2 products. Backward: one for each weight, and one from the second layer into the first.
    expect(operatorCounts(found as Tensor[])).toMatchObject({ tanh: 3, relu: 2, matMul: 5 + 2 + 1 })
  })

  test('are undefined where the loss does not depend on a parameter', () => {
    const [used, unused] = [parameter('used', [4], true), parameter('unused', [4], true)]
    const compared = parameter('compared', [4], true)
    const loss = sum(where(greater(compared, 0), mul(x, used), 0))
    const [first, ...others] = gradients(loss, [used, unused, compared])
    expect(first).toBeDefined()
    expect(others).toEqual([undefined, undefined])
  })

  test('of a tensor that is used twice add up', async () => {
    const w = input('w', [3])
    const [dw] = gradients(sum(add(mul(w, w), mul(w, 5))), [w])
    const { dw: got } = await evaluate({ dw: dw! }, { w: float32([3], [1, -2, 4]) })
    expect(numbersOf(got!)).toEqual([7, 1, 13])
  })

  test.each(['gathered first', 'gathered last'])(
    'of a table that is %s and multiplied too',
    async (order) => {
      const table = input('table', [600, 2])
      const ids = input('ids', [3], 'int64')
      const parts = [sum(gather(table, ids)), sum(matMul(input('h', [1, 2]), table, { transposeB: true }))]
      const loss = order === 'gathered first' ? add(parts[0]!, parts[1]!) : add(parts[1]!, parts[0]!)
      const [gradient] = gradients(loss, [table])
      expect(operatorCounts([gradient!])).not.toHaveProperty('scatterRows')
      const feeds = { ids: int64([3], BigInt64Array.of(599n, 4n, 599n)), h: float32([1, 2], [10, 20]) }
      const values = numbersOf((await evaluate({ gradient: gradient! }, feeds)).gradient!)
      expect(values.slice(-2)).toEqual([12, 22])
      expect(values.slice(8, 10)).toEqual([11, 21])
      expect(values.slice(0, 2)).toEqual([10, 20])
    },
  )

  test('of a matrix that is gathered twice', async () => {
    const table = input('table', [600, 1])
    const ids = [input('a', [2], 'int64'), input('b', [2], 'int64')]
    const [gradient] = gradients(
      ids.map((at) => sum(gather(table, at))).reduce((a, b) => add(a, b)),
      [table],
    )
    const [a, b] = [int64([2], BigInt64Array.of(5n, 5n)), int64([2], BigInt64Array.of(5n, 7n))]
    const values = numbersOf((await evaluate({ gradient: gradient! }, { a, b })).gradient!)
    expect([values[5], values[6], values[7]]).toEqual([3, 0, 1])
  })

  test('of aᵀ with leading axes times one matrix', async () => {
    const random = new Random(3)
    const [a, b] = [input('a', [2, 3, 5], 'float64'), input('b', [3, 4], 'float64')]
    const feeds = {
      a: normalTensor(random, [2, 3, 5], 'float64'),
      b: normalTensor(random, [3, 4], 'float64'),
    }
    const loss = probe([matMul(a, b, { transposeA: true })], 3, feeds)
    expect((await compareWithDifferences(loss, [a, b], feeds)).relativeError).toBeLessThan(1e-7)
  })

  test('of the loss itself are 1', async () => {
    const loss = sum(input('x', [2]))
    const [one] = gradients(loss, [loss])
    expect(numbersOf((await evaluate({ one: one! })).one!)).toEqual([1])
  })

  test('of a tensor with dimensions are refused', () => {
    expect(() => gradients(x, [x])).toThrow('the loss must be a scalar')
  })
})

/** One step of a random expression: an operator, and which of the tensors made so far it takes. */
const binaries = { add, sub, mul: (a: Tensor, b: Tensor) => tanh(mul(a, b)) }
const unaries = { tanh, sigmoid, softmax, half: (a: Tensor) => mul(a, 0.5) }
const step = fc.record({
  operator: fc.constantFrom(...(Object.keys({ ...binaries, ...unaries }) as (keyof typeof operators)[])),
  a: fc.nat(20),
  b: fc.nat(20),
})
const operators = { ...binaries, ...unaries }

test('gradients of random expressions agree with central differences', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), fc.nat(1000), async (steps, seed) => {
      const shapes = [[2, 3], [3], [2, 1]]
      const leaves = shapes.map((shape, i) => input(`x${i}`, shape, 'float64'))
      const random = new Random(seed)
      const feeds = Object.fromEntries(
        shapes.map((shape, i) => [`x${i}`, normalTensor(random, shape, 'float64')]),
      )
      const made = [...leaves]
      for (const { operator, a, b } of steps)
        made.push(operators[operator](made[a % made.length]!, made[b % made.length]!))
      const loss = probe([made.at(-1)!], seed, feeds)
      const used = leaves.filter((leaf) => ancestors([loss]).includes(leaf))
      const { relativeError } = await compareWithDifferences(loss, used, feeds)
      expect(relativeError).toBeLessThan(1e-6)
    }),
    { numRuns: 60, seed: 17 },
  )
})
