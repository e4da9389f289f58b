import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  bindDims,
  type Dim,
  differenceDims,
  evaluateDim,
  printShape,
  productDims,
  sumDims,
} from '../../src/graph/dims.js'

/** An expression over sizes, both as a dimension and as what it is once the sizes are known. */
interface Expression {
  readonly dim: Dim
  readonly value: (sizes: Sizes) => number
}
type Sizes = ReadonlyMap<string, number>

const names = ['batch', 'boxes', 'text'] as const

const { expression } = fc.letrec<{ expression: Expression }>((tie) => {
  const pair = fc.tuple(tie('expression'), tie('expression'))
  return {
    expression: fc.oneof(
      { depthSize: 'small' },
      fc.integer({ min: -3, max: 9 }).map((n) => ({ dim: n, value: () => n })),
      fc.constantFrom(...names).map((name) => ({ dim: name, value: (s: Sizes) => s.get(name)! })),
      pair.map(([a, b]) => ({ dim: sumDims(a.dim, b.dim), value: (s: Sizes) => a.value(s) + b.value(s) })),
      pair.map(([a, b]) => ({
        dim: differenceDims(a.dim, b.dim),
        value: (s: Sizes) => a.value(s) - b.value(s),
      })),
      pair.map(([a, b]) => ({
        dim: productDims(a.dim, b.dim),
        value: (s: Sizes) => a.value(s) * b.value(s),
      })),
    ),
  }
})
const sizes = fc
  .tuple(...names.map((name) => fc.integer({ min: 0, max: 20 }).map((size) => [name, size] as const)))
  .map((entries) => new Map(entries))
const dim = expression.map((e) => e.dim)

describe('a dimension', () => {
  test('has the size that its expression has', () => {
    fc.assert(fc.property(expression, sizes, (e, s) => evaluateDim(e.dim, s) === e.value(s)))
  })

  test('is one text for one polynomial', () => {
    fc.assert(
      fc.property(dim, dim, dim, (a, b, c) => {
        expect(sumDims(a, b)).toBe(sumDims(b, a))
        expect(productDims(a, b)).toBe(productDims(b, a))
        expect(sumDims(a, sumDims(b, c))).toBe(sumDims(sumDims(a, b), c))
        expect(productDims(a, productDims(b, c))).toBe(productDims(a, b, c))
        expect(productDims(a, sumDims(b, c))).toBe(sumDims(productDims(a, b), productDims(a, c)))
        expect(sumDims(differenceDims(a, b), b)).toBe(sumDims(a))
        expect(differenceDims(a, a)).toBe(0)
        expect(productDims(a)).toBe(a)
      }),
    )
  })

  test('reads as one writes it', () => {
    expect(sumDims('text', 'boxes', 2)).toBe('text + boxes + 2')
    expect(productDims('text', 2, 'batch')).toBe('2*batch*text')
    expect(differenceDims('text', 1)).toBe('text + -1')
    expect(differenceDims(sumDims('text', 'boxes'), 'text')).toBe('boxes')
    expect(printShape(['batch', 3])).toBe('(batch, 3)')
  })

  test('of an unknown size is refused by name', () => {
    expect(() => evaluateDim('batch*text', new Map([['batch', 2]]))).toThrow('dimension "text" is not known')
  })
})

describe('bindDims', () => {
  test('reads named sizes off a shape and holds the next one against them', () => {
    const known = new Map<string, number>()
    bindDims(['batch', 'text', 7], [2, 5, 7], known)
    bindDims(['batch', 'boxes', sumDims('boxes', 'text')], [2, 3, 8], known)
    expect(Object.fromEntries(known)).toEqual({ batch: 2, text: 5, boxes: 3 })
  })

  test.each([
    { shape: ['batch', 7], actual: [2], message: '(2) where (batch, 7) is expected' },
    { shape: ['batch', 7], actual: [2, 6], message: '(2, 6) where (batch, 7) is (2, 7)' },
    { shape: ['batch', 'batch'], actual: [2, 3], message: '(2, 3) where (batch, batch) is (2, 2)' },
    { shape: ['text + 1', 'text'], actual: [5, 3], message: '(5, 3) where (text + 1, text) is (4, 3)' },
    { shape: ['boxes + 1'], actual: [5], message: 'dimension "boxes" is not known' },
  ])('refuses $actual for $shape', ({ shape, actual, message }) => {
    expect(() => bindDims(shape, actual, new Map())).toThrow(message)
  })
})
