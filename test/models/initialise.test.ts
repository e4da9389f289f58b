import { expect, test } from 'vitest'
import { filled, type Initializer, initialise, normal, uniform } from '../../src/models/index.js'

function values(initializer: Initializer, count: number, seed = 1, name = 'shared.weight'): Float32Array {
  const into = new Float32Array(count)
  initialise(into, initializer, seed, name)
  return into
}

const mean = (numbers: Iterable<number>): number => {
  let [sum, count] = [0, 0]
  for (const number of numbers) {
    sum += number
    count++
  }
  return sum / count
}

const n = 2 ** 19
const sigmas = 4

test('normal: mean, deviation, kurtosis, and no correlation of neighbours', () => {
  const x = values(normal(0.02), n)
  const z = x.map((value) => value / 0.02)
  expect(Math.abs(mean(z))).toBeLessThan(sigmas / Math.sqrt(n))
  expect(Math.abs(mean(z.map((value) => value ** 2)) - 1)).toBeLessThan(sigmas * Math.sqrt(2 / n))
  expect(Math.abs(mean(z.map((value) => value ** 4)) - 3)).toBeLessThan(sigmas * Math.sqrt(96 / n))
  for (const distance of [1, 2, 3, 24, 768])
    expect(
      Math.abs(mean(z.subarray(distance).map((value, i) => value * z[i]!))),
      `${distance} apart`,
    ).toBeLessThan(sigmas / Math.sqrt(n - distance))
  // An angle shared by two neighbours must not show in their squares either.
  expect(Math.abs(mean(z.subarray(1).map((value, i) => (value ** 2 - 1) * (z[i]! ** 2 - 1))))).toBeLessThan(
    (2 * sigmas) / Math.sqrt(n),
  )
})

test('uniform: within its bound on both sides, of the right mean and deviation', () => {
  const x = values(uniform(0.25), n)
  expect(x.reduce((most, value) => Math.max(most, Math.abs(value)), 0)).toBeLessThanOrEqual(0.25)
  expect(x.reduce((least, value) => Math.min(least, value), 0)).toBeLessThan(-0.2499)
  expect(x.reduce((most, value) => Math.max(most, value), 0)).toBeGreaterThan(0.2499)
  expect(Math.abs(mean(x))).toBeLessThan((sigmas * 0.25) / Math.sqrt(3 * n))
  expect(Math.abs(mean(x.map((value) => value ** 2)) / (0.25 ** 2 / 3) - 1)).toBeLessThan(
    sigmas * Math.sqrt(0.8 / n),
  )
})

test('constant', () => {
  expect([...values(filled(1.5), 3)]).toEqual([1.5, 1.5, 1.5])
})

test.each([normal(1), uniform(1)])('pieces are the same as the whole: %j', (initializer) => {
  const whole = values(initializer, 1000)
  const pieces = [0, 1, 400, 401, 999].map((from, i, starts) => {
    const into = new Float32Array((starts[i + 1] ?? 1000) - from)
    initialise(into, initializer, 1, 'shared.weight', from)
    return [...into]
  })
  expect(pieces.flat()).toEqual([...whole])
})

test('another seed or name gives values that have nothing to do with these', () => {
  const x = values(normal(1), n)
  for (const other of [values(normal(1), n, 2), values(normal(1), n, 1, 'lm_head.weight')])
    expect(Math.abs(mean(x.map((value, i) => value * other[i]!)))).toBeLessThan(sigmas / Math.sqrt(n))
})
