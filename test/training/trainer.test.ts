/** Steps of a trainer: the same bits every time, parts that add up, and nothing changed by what is not a number. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import { openBackbone } from '../../src/training/backbone.js'
import type { Trainer } from '../../src/training/trainer.js'
import { randomBatch, rowsOf, snapshot, specOf, tinyT5, trainerOf, writeTinyT5 } from '../support/t5.js'
import { digest, temporaryFolder } from '../support/weights.js'

const digests = (values: Map<string, Float32Array>): Record<string, string> =>
  Object.fromEntries([...values].map(([name, floats]) => [name, digest(floats)]))

/** Largest difference of all gradients, relative to the largest gradient of the same parameter. */
function difference(a: Map<string, Float32Array>, b: Map<string, Float32Array>): number {
  return Math.max(
    ...[...a].map(([name, floats]) => {
      const other = b.get(name)!
      const [scale, most] = floats.reduce(
        ([scale, most], value, i) => [
          Math.max(scale!, Math.abs(value)),
          Math.max(most!, Math.abs(value - other[i]!)),
        ],
        [1e-6, 0],
      )
      return most! / scale!
    }),
  )
}

async function withTrainer<T>(trainer: Promise<Trainer>, use: (trainer: Trainer) => Promise<T>): Promise<T> {
  const opened = await trainer
  try {
    return await use(opened)
  } finally {
    opened.close()
  }
}

const place = { step: 3, firstRow: 0, samples: 8 }

describe.each([
  ['lst', {}],
  ['lst', { variant: 'text', lambdaDistill: 0.5 }],
  ['full', {}],
] as const)('%s %j', (method, options) => {
  test('parts of a batch add up to the whole, with dropout', async () => {
    const backbone = tinyT5({ num_layers: 2 })
    const spec = specOf(backbone.config, method, options, { dropout: 0.1 })
    const batch = randomBatch(4)
    await withTrainer(trainerOf(spec, backbone.weights), async (trainer) => {
      const whole = await trainer.backward(batch, place)
      const gradients = snapshot(trainer, 'gradient')
      const norm = await trainer.update(0)
      const squares = [...gradients.values()].map((floats) => floats.reduce((sum, g) => sum + g ** 2, 0))
      expect(norm / Math.sqrt(squares.reduce((a, b) => a + b))).toBeCloseTo(1, 5)
      let sum = 0
      for (const [firstRow, end] of [[0, 3] as const, [3, 6] as const, [6, 8] as const]) {
        const part = rowsOf(batch, firstRow, end)
        sum += await trainer.backward(part, { ...place, firstRow })
      }
      expect(Math.abs(sum / whole - 1)).toBeLessThan(1e-5)
      expect(difference(gradients, snapshot(trainer, 'gradient'))).toBeLessThan(1e-5)
      expect((await trainer.update(0)) / norm).toBeCloseTo(1, 5)
    })
  })
})

test('dropout depends on step, seed and row, and is off at rate 0', async () => {
  const backbone = tinyT5({ num_layers: 1, num_decoder_layers: 1 })
  const spec = specOf(backbone.config, 'lst', {}, { dropout: 0.1 })
  const batch = randomBatch(4)
  const loss = (trainer: Trainer, more: Partial<typeof place> = {}) =>
    trainer.backward(batch, { ...place, ...more })
  const [first, second] = await Promise.all(
    [3, 4].map((seed) =>
      withTrainer(trainerOf(spec, backbone.weights, { seed }), async (trainer) => ({
        start: digests(snapshot(trainer)),
        losses: [
          await loss(trainer),
          await loss(trainer),
          await loss(trainer, { step: 4 }),
          await loss(trainer, { firstRow: 8 }),
        ],
      })),
    ),
  )
  expect(first!.losses[1]).toBe(first!.losses[0])
  expect(new Set([...first!.losses, ...second!.losses]).size).toBe(6)
  expect(first!.start).not.toEqual(second!.start)
  await withTrainer(trainerOf({ ...spec, dropout: 0 }, backbone.weights), async (trainer) => {
    const losses = [await loss(trainer), await loss(trainer, { step: 4 })]
    expect(losses[1]).toBe(losses[0])
  })
})

test('the same bits at T5-base’s width with two threads, dropout and pictures', async () => {
  const folder = temporaryFolder()
  const base = { d_model: 768, d_kv: 64, d_ff: 3072, num_heads: 12, num_layers: 1, num_decoder_layers: 1 }
  const vocabulary = 200
  const model = writeTinyT5(join(folder, 'model'), { ...base, vocab_size: vocabulary })
  const backbone = openBackbone(model, { cache: folder })
  const spec = specOf(backbone.config, 'lst', { reductionFactor: 4 }, { dropout: 0.1 })
  const batch = randomBatch(9, { batch: 16, text: 20, target: 5, positions: 36, vocabulary })
  const run = () =>
    withTrainer(trainerOf(spec, backbone.weights), async (trainer) => {
      const losses: number[] = []
      for (let step = 0; step < 3; step++) {
        losses.push(await trainer.backward(batch, { step, firstRow: 0, samples: 16 }))
        await trainer.update(3e-3)
      }
      return { losses, values: digests(snapshot(trainer)), gradients: digests(snapshot(trainer, 'gradient')) }
    })
  const [one, two] = [await run(), await run()]
  expect(two).toEqual(one)
  expect(new Set(one.losses).size).toBe(3)
})

test('a gradient that is no number changes nothing and is one line', async () => {
  const backbone = tinyT5({ num_layers: 1, num_decoder_layers: 1 })
  await withTrainer(trainerOf(specOf(backbone.config, 'lst'), backbone.weights), async (trainer) => {
    await trainer.backward(randomBatch(1), place)
    trainer.parameters.parameters.get('side_final_upsample.bias')!.gradient.floats[2] = Number.NaN
    const before = digests(snapshot(trainer))
    const update = trainer.update(1e-2)
    await expect(update).rejects.toThrow(UserError)
    await expect(update).rejects.toThrow(/^the gradients' norm became NaN: lower --learning-rate [^\n]*$/)
    expect(digests(snapshot(trainer))).toEqual(before)
  })
})

test('an optimizer’s option that it does not have is one line', async () => {
  const backbone = tinyT5({ num_layers: 1, num_decoder_layers: 1 })
  const optimizer = { name: 'adamw', options: { momentum: 0.9 } }
  const opened = trainerOf(specOf(backbone.config, 'lst'), backbone.weights, { optimizer })
  await expect(opened).rejects.toThrow(UserError)
})
