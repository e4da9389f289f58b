/** A ladder beside BART: both stacks (ours), or the encoder with a classifier (the paper's second table). */
import { describe, expect, test } from 'vitest'
import { ancestors } from '../../src/graph/gradient.js'
import { gradientName, placeOf } from '../../src/models/index.js'
import { float32, nativeRuntime } from '../../src/runtime/index.js'
import { encoderFeeds } from '../../src/training/feeds.js'
import { gradientGraph, type ModelSpec, modelParameters } from '../../src/training/graphs.js'
import { ParameterStore } from '../../src/training/parameters.js'
import { openSession, startValues } from '../../src/training/weights.js'
import { randomBatch, specOf, tinyBartBackbone } from '../support/t5.js'

const options = { reductionFactor: 2 }

describe('no gradient enters the backbone', () => {
  test.each<[string, Partial<ModelSpec>, boolean]>([
    ['both stacks, pictures and text', {}, true],
    ['both stacks, text', {}, false],
    ['a classifier', { classifier: { labels: 3 } }, false],
  ])('%s', (_, more, vision) => {
    const { config } = tinyBartBackbone()
    const spec = { ...specOf(config, 'lst', options, { vision }), ...more }
    const { graph } = gradientGraph(spec)
    const gradients = [...graph.outputs].filter(([name]) => name.startsWith(gradientName('')))
    expect(
      gradients.map(([name]) => name).filter((name) => !/side|visual|classification/.test(name)),
    ).toEqual([])
    expect(gradients.length).toBeGreaterThan(20)
    const forward = new Set(ancestors([graph.outputs.get('loss')!]))
    const inside = ancestors(gradients.map(([, tensor]) => tensor))
      .filter((tensor) => !forward.has(tensor))
      .flatMap(({ source }) => (source.kind === 'node' ? source.inputs : []))
      .filter((tensor) => forward.has(tensor))
      .filter(({ source }) => source.kind === 'parameter' && placeOf(source.name) !== undefined)
    expect(inside).toEqual([])
  })
})

test('a ladder in both stacks: its blocks are BARTs, without a norm of its own at the end', () => {
  const { config } = tinyBartBackbone()
  const names = modelParameters(specOf(config, 'lst', options)).map(({ name }) => name)
  for (const name of [
    'model.encoder.side_first_downsample.weight',
    'model.encoder.side_block.2.self_attn.q_proj.bias',
    'model.decoder.side_block.1.encoder_attn_layer_norm.weight',
    'model.decoder.side_gate_params.1',
    'side_final_upsample.bias',
    'model.encoder.visual_embedding.feat_embedding.1.bias',
  ])
    expect(names).toContain(name)
  expect(names.filter((name) => /final_side|relative/.test(name))).toEqual([])
})

describe('a classifier', () => {
  const ids = [
    [0, 5, 6, 2, 2, 7, 2],
    [0, 8, 2, 2, 9, 2, 1],
  ]

  async function logitsOf(rows: readonly (readonly number[])[], labels: number) {
    const { config, weights } = tinyBartBackbone()
    const spec: ModelSpec = { ...specOf(config, 'full', {}, { vision: false }), classifier: { labels } }
    const built = gradientGraph(spec, { extra: ({ logits, tokenLoss }) => ({ logits, tokenLoss }) })
    const store = new ParameterStore(
      built.parameters.filter(({ trained }) => trained).map((parameter) => ({ ...parameter, decays: true })),
    )
    startValues(store, built.parameters, weights, 3)
    const session = await openSession(built, weights, { runtime: nativeRuntime, threads: 2 })
    const [batch, text] = [rows.length, rows[0]!.length]
    const inputIds = BigInt64Array.from(rows.flat(), BigInt)
    const attentionMask = inputIds.map((id) => (id === 1n ? 0n : 1n))
    try {
      return await session.run({
        ...encoderFeeds({ ...randomBatch(1), batch, text, positions: 0, inputIds, attentionMask }),
        labelValues: float32([batch], labels === 1 ? [0.5, -2] : [1, 0]),
        lossWeights: float32([batch], new Float32Array(batch).fill(1 / batch)),
        ...Object.fromEntries([...store.parameters].map(([name, { value }]) => [name, value])),
      })
    } finally {
      session.close()
    }
  }

  test('is the mean cross entropy of its classes, or the squared distance of a number', async () => {
    const { loss, logits } = await logitsOf(ids, 3)
    const rows = [0, 1].map((row) => logits!.floats.subarray(3 * row, 3 * row + 3))
    const entropy = rows.map((row, i) => Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)) - row[1 - i]!)
    expect(loss!.floats[0]).toBeCloseTo((entropy[0]! + entropy[1]!) / 2, 5)
    const number = await logitsOf(ids, 1)
    const [a, b] = number.logits!.floats
    expect(number.loss!.floats[0]).toBeCloseTo(((a! - 0.5) ** 2 + (b! + 2) ** 2) / 2, 4)
  })

  test('reads the last end of a row: padding behind it changes nothing', async () => {
    const padded = await logitsOf(
      ids.map((row) => [...row, 1, 1]),
      3,
    )
    const plain = await logitsOf(ids, 3)
    for (const [i, value] of plain.logits!.floats.entries())
      expect(padded.logits!.floats[i]).toBeCloseTo(value, 4)
  })
})
