import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from '../../src/weights/index.js'

const kinds = [
  { name: 'float16', widen: float16ToFloat32, narrow: float32ToFloat16, infinity: 0x7c00, fraction: 10 },
  { name: 'bfloat16', widen: bfloat16ToFloat32, narrow: float32ToBfloat16, infinity: 0x7f80, fraction: 7 },
]

describe.each(kinds)('$name', ({ widen, narrow, infinity, fraction }) => {
  const every = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits)
  const values = new Float32Array(2 ** 16)
  widen(every, values)

  /** By the definition of IEEE 754, in float64. */
  function value(bits: number): number {
    const sign = bits & 0x8000 ? -1 : 1
    const magnitude = bits & 0x7fff
    if (magnitude > infinity) return NaN
    if (magnitude === infinity) return sign * Infinity
    const bias = infinity >> (fraction + 1)
    const exponent = magnitude >> fraction
    const rest = magnitude & ((1 << fraction) - 1)
    const significand = exponent === 0 ? rest : rest + (1 << fraction)
    return sign * significand * 2 ** (Math.max(exponent, 1) - bias - fraction)
  }

  test('every number is widened to its exact value', () => {
    expect(every.filter((bits) => !Object.is(values[bits], value(bits)))).toEqual(new Uint16Array(0))
  })

  test('narrowing a widened number gives the same bits; NaN stays NaN', () => {
    const back = new Uint16Array(2 ** 16)
    narrow(values, back)
    const isNaNBits = (bits: number) => (bits & 0x7fff) > infinity
    const wrong = every.filter((bits) => (isNaNBits(bits) ? !isNaNBits(back[bits]!) : back[bits] !== bits))
    expect(wrong).toEqual(new Uint16Array(0))
  })

  /** The nearest of all numbers by bisection over the ordered magnitudes; ties go to even bits. */
  function nearestBits(x: number): number {
    let [low, high] = [0, infinity]
    const size = Math.abs(x)
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (value(middle) <= size) low = middle
      else high = middle
    }
    const above = high === infinity ? 2 * value(infinity - 1) - value(infinity - 2) : value(high)
    const [down, up] = [size - value(low), above - size]
    const magnitude = down < up || (down === up && low % 2 === 0) ? low : high
    return magnitude | (x < 0 || Object.is(x, -0) ? 0x8000 : 0)
  }

  test('narrowing takes the nearest number, ties to even', () => {
    const near = fc
      .tuple(fc.integer({ min: 0, max: infinity - 1 }), fc.boolean(), fc.integer({ min: -2, max: 2 }))
      .map(([bits, negative, ulps]) => {
        const following = bits + 1 === infinity ? value(bits) * 2 - value(bits - 1) : value(bits + 1)
        const halfway = new Float32Array([(value(bits) + following) / 2])
        new Int32Array(halfway.buffer)[0]! += ulps
        return negative ? -halfway[0]! : halfway[0]!
      })
    const anything = fc.float({ noNaN: true, noDefaultInfinity: true })
    fc.assert(
      fc.property(fc.oneof(near, anything), (x) => {
        if (Number.isNaN(x)) return // two steps below zero
        const got = new Uint16Array(1)
        narrow(Float32Array.of(x), got)
        expect(got[0]).toBe(nearestBits(x))
      }),
      { numRuns: 5000, seed: 1 },
    )
  })
})
