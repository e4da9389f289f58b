/** What dropout's masks must be: right share, independent of each other, and functions of their key alone. */
import { describe, expect, test } from 'vitest'
import { type Dim, graphOf, input, printGraph } from '../../src/graph/index.js'
import { buildModel, hashedDropout, noDropout } from '../../src/models/index.js'
import { float32 } from '../../src/runtime/index.js'
import { dropoutFeeds } from '../../src/training/feeds.js'
import type { ModelSpec } from '../../src/training/graphs.js'
import { countOf, evaluate } from '../support/operators.js'

const rate = 0.1

interface Place {
  readonly rows: number
  readonly seed?: number
  readonly step?: number
  readonly firstRow?: number
}

/**
 * What `sites` calls of dropout in a row make of ones.
 *
 * @param rest shape of a row; `name:size` is an axis whose size the graph does not know
 */
async function dropped(
  rest: readonly (number | `${string}:${number}`)[],
  { rows, seed = 1, step = 0, firstRow = 0 }: Place,
  sites = 1,
): Promise<Float32Array[]> {
  const dims: Dim[] = rest.map((dim) => (typeof dim === 'number' ? dim : dim.split(':')[0]!))
  const sizes = rest.map((dim) => (typeof dim === 'number' ? dim : Number(dim.split(':')[1])))
  const source = hashedDropout(input('dropoutKeys', ['batch'], 'uint32'), rate)
  const x = input('x', ['batch', ...dims])
  const outputs = Object.fromEntries(Array.from({ length: sites }, (_, i) => [`y${i}`, source(x)]))
  const ones = float32([rows, ...sizes], new Float32Array(rows * countOf(sizes)).fill(1))
  const keys = dropoutFeeds({ dropout: rate } as ModelSpec, rows, seed, { step, firstRow })
  const results = await evaluate(outputs, { x: ones, ...keys })
  return Object.keys(outputs).map((name) => results[name]!.floats)
}

/** 1 where an element was dropped. */
const masks = async (...asked: Parameters<typeof dropped>): Promise<Uint8Array[]> =>
  (await dropped(...asked)).map((values) => {
    const zero = new Uint8Array(values.length)
    for (let i = 0; i < zero.length; i++) zero[i] = Number(values[i] === 0)
    return zero
  })

const mask = async (...asked: Parameters<typeof dropped>): Promise<Uint8Array> => (await masks(...asked))[0]!

/** Standard deviations by which the share of dropped elements misses the rate. */
function shareError(dropped: Uint8Array): number {
  const count = dropped.reduce((sum, one) => sum + one, 0)
  return (count - rate * dropped.length) / Math.sqrt(dropped.length * rate * (1 - rate))
}

/** The correlation of two masks, place by place, in standard deviations of independent ones. */
function correlation(a: Uint8Array, b: Uint8Array): number {
  let [both, either] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    both += a[i]! & b[i]!
    either += a[i]! + b[i]!
  }
  const covariance = both - rate * either + a.length * rate ** 2
  return covariance / (rate * (1 - rate)) / Math.sqrt(a.length)
}

/** The correlation of elements `distance` apart within stretches of `length`. */
function apart(a: Uint8Array, length: number, distance: number): number {
  const kept = length - distance
  const [before, behind] = [0, distance].map((from) => {
    const elements = new Uint8Array((a.length / length) * kept)
    for (let row = 0; row < a.length / length; row++)
      elements.set(a.subarray(row * length + from, row * length + from + kept), row * kept)
    return elements
  })
  return correlation(before!, behind!)
}

/** Fixed seeds: what passes once passes always. */
const sigmas = 4
const [rows, words, width] = [64, 20, 784]

describe('a million elements', () => {
  test('are dropped at the rate, and what stays keeps the expectation', async () => {
    const [values] = await dropped(['text:20', width], { rows })
    expect(values!.length).toBeGreaterThan(1e6)
    expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / (1 - rate))]))
    expect(Math.abs(shareError(Uint8Array.from(values!, (value) => Number(value === 0))))).toBeLessThan(
      sigmas,
    )
    const mean = values!.reduce((sum, value) => sum + value, 0) / values!.length
    expect(Math.abs(mean - 1)).toBeLessThan((sigmas * Math.sqrt(rate / (1 - rate))) / 1e3)
  })

  test('have nothing to do with their neighbours along any axis, nor with the other half of their hash', async () => {
    const m = await mask(['text:20', width], { rows })
    for (const distance of [1, 2, 3, 4, 8, 16, 64, width / 2])
      expect(Math.abs(apart(m, width, distance)), `${distance} apart`).toBeLessThan(sigmas)
    for (const distance of [1, 2, 5])
      expect(Math.abs(apart(m, words * width, distance * width))).toBeLessThan(sigmas)
    for (const distance of [1, 2, 7])
      expect(Math.abs(apart(m, m.length, distance * words * width))).toBeLessThan(sigmas)
  })

  test('have nothing to do with those of another site, step, seed or row', async () => {
    const shape = ['text:20', width] as const
    const sites = await masks(shape, { rows }, 6)
    for (const [i, one] of sites.entries())
      for (const other of sites.slice(0, i)) expect(Math.abs(correlation(one, other))).toBeLessThan(sigmas)
    for (const place of [{ step: 1 }, { seed: 2 }, { firstRow: rows }]) {
      const other = await mask(shape, { rows, ...place })
      expect(Math.abs(correlation(sites[0]!, other)), JSON.stringify(place)).toBeLessThan(sigmas)
    }
  })
})

/** χ² of counts that should be Binomial(n, rate), as standard deviations from its mean. */
function chiSquare(counts: readonly number[], n: number): number {
  const chi = counts.reduce((sum, count) => sum + (count - n * rate) ** 2 / (n * rate * (1 - rate)), 0)
  return (chi - counts.length) / Math.sqrt(2 * counts.length)
}

test('no place in a row and no row is dropped more often than others', async () => {
  const [rows, size] = [512, 20 * 48]
  const places = new Array<number>(size).fill(0)
  const shares: number[] = []
  for (let step = 0; step < 4; step++) {
    const m = await mask(['text:20', 48], { rows, step })
    for (const [i, one] of m.entries()) places[i % size]! += one
    for (let row = 0; row < rows; row++)
      shares.push(m.subarray(row * size, (row + 1) * size).reduce((sum, one) => sum + one, 0))
  }
  expect(Math.abs(chiSquare(places, rows * 4))).toBeLessThan(sigmas)
  expect(Math.abs(chiSquare(shares, size))).toBeLessThan(sigmas)
})

test.each([
  { shape: ['text:20', 24] as const },
  { shape: [5, 'text:30', 'text:30'] as const },
  { shape: [4, 'target:6', 'text:40'] as const },
])('no two places of a row $shape always share their fate', async ({ shape }) => {
  const rows = 96
  const m = await mask(shape, { rows })
  const size = m.length / rows
  const fates = new Set<string>()
  for (let place = 0; place < size; place++)
    fates.add(Array.from({ length: rows }, (_, row) => m[row * size + place]).join(''))
  // Two independent places agree in 96 rows with a chance of 5e-9, some of 10⁷ pairs with one of 0.05.
  expect(size - fates.size).toBeLessThan(2)
})

test('masks are functions of the row’s number in the whole batch: a batch in two halves has the same', async () => {
  for (const shape of [
    ['text:9', 14],
    [3, 'text:9', 'text:9'],
    [4, 'text:9', 'text:9'],
  ] as const) {
    const whole = await mask(shape, { rows: 8, step: 5 })
    const halves = [
      await mask(shape, { rows: 4, step: 5 }),
      await mask(shape, { rows: 4, step: 5, firstRow: 4 }),
    ]
    expect(Buffer.concat(halves)).toEqual(Buffer.from(whole))
  }
})

test('masks don’t depend on how far a text is padded', async () => {
  const [short, long] = [await mask(['text:6', 14], { rows: 3 }), await mask(['text:11', 14], { rows: 3 })]
  const cut = Array.from({ length: 3 }, (_, row) => long.subarray(row * 11 * 14, row * 11 * 14 + 6 * 14))
  expect(Buffer.concat(cut)).toEqual(Buffer.from(short))
})

test('rate 0 leaves no nodes', () => {
  const x = input('x', ['batch', 6])
  expect(hashedDropout(input('dropoutKeys', ['batch'], 'uint32'), 0)).toBe(noDropout)
  expect(buildModel({ trains: () => true }).root.dropout(x)).toBe(x)
  expect(dropoutFeeds({ dropout: 0 } as ModelSpec, 3, 1, { step: 0, firstRow: 0 })).toEqual({})
  const some = hashedDropout(input('dropoutKeys', ['batch'], 'uint32'), 0.5)(x)
  expect(printGraph(graphOf({ some }))).toContain('bitXor')
})
