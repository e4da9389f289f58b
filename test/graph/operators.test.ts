import { describe, expect, test } from 'vitest'
import { gradients, operators } from '../../src/graph/index.js'
import { compareWithDifferences } from '../support/differences.js'
import { applySample, evaluate, floatsOf, numbersOf, probe } from '../support/operators.js'
import { Grid, indices, references } from '../support/references.js'

const differentiable = operators.entries.filter(({ gradient }) => gradient)
/** A cast passes through float32, so its differences are coarse. */
const tolerance = (name: string) => (name === 'cast' ? 1e-2 : 1e-7)

test('each operator has samples and a reference', () => {
  expect(operators.entries.filter(({ samples }) => samples.length === 0)).toEqual([])
  expect(Object.keys(references).toSorted()).toEqual(operators.names.toSorted())
})

describe.each(operators.entries)('$name', (operator) => {
  const cases = operator.samples.flatMap((sample) => [
    { sample, dtype: 'float32', digits: 5 } as const,
    { sample, dtype: 'float64', digits: operator.name === 'cast' ? 5 : 12 } as const,
  ])
  test.each(cases)('computes what it says: $dtype $sample', async ({ sample, dtype, digits }) => {
    const { inputs, outputs, feeds } = applySample(operator, sample, dtype, 3)
    const grids = inputs.map((_, i) => new Grid(feeds[`x${i}`]!.shape, numbersOf(feeds[`x${i}`]!)))
    const got = await evaluate(Object.fromEntries(outputs.map((tensor, i) => [`y${i}`, tensor])), feeds)
    references[operator.name]!(grids, sample.attributes ?? {}).forEach((element, i) => {
      const { shape } = outputs[i]!
      const values = numbersOf(got[`y${i}`]!)
      indices(shape as readonly number[]).forEach((index, k) => {
        expect(values[k], `output ${i} at ${index}`).toBeCloseTo(element(index), digits)
      })
    })
  })
})

describe.each(differentiable)('gradient of $name', (operator) => {
  test.each(operator.samples)('agrees with central differences in float64: %j', async (sample) => {
    const { inputs, outputs, feeds } = applySample(operator, sample, 'float64', 7)
    const loss = probe(floatsOf(outputs), 7, feeds)
    const { relativeError, checked } = await compareWithDifferences(loss, inputs, feeds)
    expect(checked).toBeGreaterThan(0)
    expect(relativeError).toBeLessThan(tolerance(operator.name))
  })

  test.each(operator.samples)('has a gradient that agrees as well: %j', async (sample) => {
    const { inputs, outputs, feeds } = applySample(operator, sample, 'float64', 11)
    const first = gradients(probe(floatsOf(outputs), 11, feeds), floatsOf(inputs))
    const loss = probe(
      first.flatMap((gradient) => (gradient ? [gradient] : [])),
      12,
      feeds,
    )
    const { relativeError } = await compareWithDifferences(loss, inputs, feeds)
    expect(relativeError).toBeLessThan(tolerance(operator.name))
  })
})
