/**
 * Sizes and options that no copied case has, with random weights: the model must be built, run, and say the same in
 * float32 and float64.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Random } from '../../src/base/index.js'
import { modelParameters } from '../../src/training/graphs.js'
import { elements } from '../../src/training/parameters.js'
import { readCase, verifyCase } from '../../src/verify/index.js'
import { readModel } from '../../src/verify/model.js'
import { writeSafetensors } from '../../src/weights/index.js'
import { temporaryFolder } from '../support/weights.js'
import { readTensors } from './cases.js'

const model = {
  ...{ model_type: 't5', d_model: 14, d_kv: 5, num_heads: 3, d_ff: 11, num_layers: 2, num_decoder_layers: 3 },
  ...{ vocab_size: 23, relative_attention_num_buckets: 7 },
}
const gated = { ...model, feed_forward_proj: 'gated-gelu', tie_word_embeddings: false }
const vision = { feat_dim: 6, n_boxes: 4, downsample: true, n_images: 3 }
const train = { lr: 0.01, eps: 1e-6, weight_decay: 0.1, total_steps: 4, steps: 2 }

type Json = Readonly<Record<string, unknown>>

interface Odd {
  readonly json: Json
  /** in/vis_feats without its last axis */
  readonly pictures?: readonly number[]
  readonly batch?: number
}

/** A case with random inputs and weights; it expects zeros of loss, logits and gradients. */
function oddCase({ json, pictures, batch = 2 }: Odd): string {
  const folder = join(temporaryFolder(), 'odd', 'case')
  mkdirSync(folder, { recursive: true })
  const write = (content: Json) => writeFileSync(join(folder, 'case.json'), JSON.stringify(content))
  write({ kind: 'train', task: 'caption', train, ...json })
  const { spec } = readModel(readCase(folder))
  const parameters = modelParameters(spec)
  const random = new Random(3)
  const numbers = (shape: readonly number[]) =>
    Float32Array.from({ length: elements(shape) }, () => 0.5 * random.normal())
  const ids = (shape: readonly number[]) =>
    BigInt64Array.from({ length: elements(shape) }, () => BigInt(1 + random.integer(model.vocab_size - 1)))
  const float = (name: string, shape: readonly number[], data = numbers(shape)) => ({
    ...{ name, shape, data, dtype: 'F32' as const },
  })
  const integer = (name: string, shape: readonly number[]) => ({
    ...{ name, shape, data: ids(shape), dtype: 'I64' as const },
  })
  const trained = parameters.filter((parameter) => parameter.trained)
  const expected = {
    ...{ 'want/loss': [], 'want/logits': [batch, 4, model.vocab_size], 'want/grad_norms': [2] },
    ...Object.fromEntries(trained.map(({ name, shape }) => [`grad/${name}`, shape])),
    ...Object.fromEntries(trained.map(({ name, shape }) => [`after/${name}`, shape])),
  }
  writeSafetensors(join(folder, 'tensors.safetensors'), [
    integer('in/input_ids', [batch, 5]),
    integer('in/labels', [batch, 4]),
    ...(pictures ? [float('in/vis_feats', [...pictures, 6]), float('in/boxes', [...pictures, 4])] : []),
    ...parameters.map(({ name, shape }) => float(`weight/${name}`, shape)),
    ...Object.entries(expected).map(([name, shape]) => float(name, shape, new Float32Array(elements(shape)))),
  ])
  return folder
}

const lst = { name: 'lst', variant: 'text', use_gate: 'learnable' }

describe('float32 and float64 agree', () => {
  test.each<[string, Odd]>([
    [
      'r = 5 of widths that it does not divide',
      { json: { model, method: { ...lst, task_reduction_factor: 5 } } },
    ],
    ['r = 1: no projections', { json: { model, method: { ...lst, task_reduction_factor: 1 } } }],
    [
      'r = 1 with pictures',
      { pictures: [2, 9], json: { model, vision, method: { name: 'lst', task_reduction_factor: 1 } } },
    ],
    [
      'no side layers at all',
      {
        json: {
          model,
          method: { ...lst, task_reduction_factor: 2, encoder_side_layers: [], decoder_side_layers: [] },
        },
      },
    ],
    [
      'gate one, own head, untied, gated gelu, layers without the first',
      {
        json: {
          model: gated,
          method: {
            ...lst,
            use_gate: 'one',
            create_side_lm: true,
            task_reduction_factor: 2,
            encoder_side_layers: [1],
          },
        },
      },
    ],
    [
      'own head that is frozen and summed, layers out of order',
      {
        json: {
          model,
          method: {
            ...{
              ...lst,
              use_gate: 'none',
              create_side_lm: true,
              freeze_side_lm: true,
              task_reduction_factor: 2,
            },
            decoder_side_layers: [2, 0],
          },
        },
      },
    ],
    [
      'merged, distilled, the head trained, one sample',
      {
        batch: 1,
        json: {
          model,
          method: {
            ...{ ...lst, merge_last: true, lambda_distill: 0.5, unfreeze_lm_head: true },
            task_reduction_factor: 2,
          },
        },
      },
    ],
    [
      'three images, one sample',
      {
        batch: 1,
        pictures: [1, 3, 9],
        json: { model, vision, method: { name: 'lst', task_reduction_factor: 2 } },
      },
    ],
    [
      'v1.1 with pictures, full',
      { pictures: [2, 2, 9], json: { model: gated, vision, method: { name: 'full' } } },
    ],
    [
      'a frozen head',
      {
        json: {
          model,
          method: { name: 'full', variant: 'text', freeze_lm_head: true, trainable_encoder_layers: [] },
        },
      },
    ],
    [
      'two parts',
      { json: { model, method: { ...lst, task_reduction_factor: 3 }, train: { ...train, accumulate: 2 } } },
    ],
  ])('%s', async (_, odd) => {
    const folder = oddCase(odd)
    const dumps = []
    for (const precision of ['float32', 'float64'] as const) {
      const dump = temporaryFolder()
      const result = await verifyCase(folder, { threads: 2, dump, precision })
      expect(result.outcome).toBe('failed')
      expect('error' in result ? result.error : undefined).toBeUndefined()
      dumps.push(readTensors(join(dump, 'odd/case.safetensors')))
    }
    const [single, double] = dumps
    expect(single!.length).toBeGreaterThan(10)
    for (const [i, { name, data }] of single!.entries()) {
      const other = double![i]!
      expect(name).toBe(other.name)
      if (name.startsWith('after/')) continue // Adam makes rounding large where a gradient is almost none
      const largest = Math.max(...Array.from(other.data as Float32Array, Math.abs))
      const off = Math.max(
        ...Array.from(data as Float32Array, (value, k) => Math.abs(value - Number(other.data[k]))),
      )
      expect(off, name).toBeLessThanOrEqual(2e-6 + 2e-4 * largest)
    }
  })
})
