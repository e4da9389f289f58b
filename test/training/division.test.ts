/** A step cut into shares, and the same loss whatever it is cut into. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { collate, type EncodedSample, stepTotals, tasks } from '../../src/tasks/index.js'
import { divideStep } from '../../src/training/division.js'

const special = { pad: 0, start: 0 }
const task = tasks.get('vqa')
const features = { positions: 2, featDim: 3, features: async () => new Float32Array(6) }

/** A sample of these lengths, its number its first id. */
const sample = (inputs: number, targets: number, number: number): EncodedSample => ({
  inputIds: [100 + number, ...new Array<number>(inputs - 1).fill(7)],
  targetIds: new Array<number>(targets).fill(9),
  ...{ score: 1, pictures: [String(number)] },
})

const length = fc.integer({ min: 1, max: 20 })
const cases = fc.record({
  samples: fc
    .array(fc.tuple(length, length), { minLength: 1, maxLength: 40 })
    .map((lengths) => lengths.map(([inputs, targets], i) => sample(inputs, targets, i))),
  workers: fc.integer({ min: 1, max: 4 }),
  accumulate: fc.integer({ min: 1, max: 3 }),
  columns: fc.constantFrom(0, 16),
})

const numbers = (rows: readonly EncodedSample[]) => rows.map(({ inputIds }) => inputIds[0]! - 100)
const longest = (rows: readonly EncodedSample[]) => Math.max(...rows.map(({ inputIds }) => inputIds.length))

test('where elements are dropped, rows stay in order and are as long as the longest of the step', () => {
  fc.assert(
    fc.property(cases, ({ samples, ...division }) => {
      const shares = divideStep(samples, { ...division, pad: 0, drops: true })
      expect(shares).toHaveLength(division.workers)
      expect(numbers(shares.flat(2))).toEqual([...samples.keys()])
      for (const { inputIds } of shares.flat(2)) expect(inputIds).toHaveLength(longest(samples))
      const rows = shares.map((parts) => parts.flat().length)
      expect(Math.max(...rows) - Math.min(...rows)).toBeLessThanOrEqual(1)
    }),
  )
})

test('where none are, texts of like length are together, and no part is larger than one cut in order', () => {
  fc.assert(
    fc.property(cases, ({ samples, ...division }) => {
      const shares = divideStep(samples, { ...division, pad: 0, drops: false })
      expect(shares).toHaveLength(division.workers)
      expect(numbers(shares.flat(2)).sort((a, b) => a - b)).toEqual([...samples.keys()])
      for (const parts of shares) expect(parts.length).toBeLessThanOrEqual(division.accumulate)
      const target = Math.max(...samples.map(({ targetIds }) => targetIds.length))
      const size = (part: readonly EncodedSample[]) =>
        part.length * (longest(part) + division.columns + target)
      const inOrder = divideStep(samples, { ...division, pad: 0, drops: true })
      expect(Math.max(...shares.flat().map(size))).toBeLessThanOrEqual(Math.max(...inOrder.flat().map(size)))
    }),
  )
})

test('two workers with texts of 3 and of 9 ids have three samples and one', () => {
  const samples = [3, 9, 3, 3].map((inputs, i) => sample(inputs, 1, i))
  const options = { workers: 2, accumulate: 1, columns: 0, pad: 0, drops: false }
  expect(divideStep(samples, options).map((parts) => parts.map(numbers))).toEqual([[[0, 2, 3]], [[1]]])
})

test('what one worker runs at once is the step as it was drawn', () => {
  const samples = [9, 3, 7].map((inputs, i) => sample(inputs, 1, i))
  const options = { workers: 1, accumulate: 1, columns: 0, pad: 0, drops: false }
  expect(divideStep(samples, options)).toEqual([[samples]])
})

test('parts have the mask, the labels and the loss weights of the whole', async () => {
  await fc.assert(
    fc.asyncProperty(cases, fc.boolean(), async ({ samples, ...division }, drops) => {
      const totals = stepTotals(samples, special)
      const batchOf = (rows: readonly EncodedSample[]) => collate(task, rows, special, features, totals)
      const whole = await batchOf(samples)
      for (const part of divideStep(samples, { ...division, pad: 0, drops }).flat()) {
        const batch = await batchOf(part)
        expect(batch.target).toBe(whole.target)
        for (const [row, number] of numbers(part).entries()) {
          for (const name of ['inputIds', 'attentionMask'] as const)
            expect(rowOf(batch[name], row, batch.text)).toEqual(rowOf(whole[name], number, whole.text))
          for (const name of ['labels', 'decoderInputIds', 'lossWeights'] as const)
            expect(rowOf(batch[name], row, batch.target)).toEqual(rowOf(whole[name], number, whole.target))
        }
      }
    }),
    { numRuns: 30 },
  )
})

/** A row without what pads it on the right. */
function rowOf(values: ArrayLike<number | bigint>, row: number, width: number): number[] {
  const cells = Array.from({ length: width }, (_, i) => Number(values[row * width + i]))
  return cells.slice(0, cells.findLastIndex((cell) => cell !== 0) + 1)
}
