import { describe, expect, test } from 'vitest'
import { operators } from '../../src/graph/index.js'
import { compareGradient } from '../support/operators.js'

describe.each(operators.entries.filter(({ gradient }) => gradient))('$name', (operator) => {
  test('has samples', () => expect(operator.samples.length).toBeGreaterThan(0))
  test.each(operator.samples)('gradient agrees with central differences in float64: %j', async (sample) => {
    const { relativeError, checked } = await compareGradient(operator, sample, { step: 1e-5, seed: 7 })
    expect(checked).toBeGreaterThan(0)
    expect(relativeError).toBeLessThan(operator.name === 'cast' ? 1e-2 : 1e-7)
  })
})
