/** Prediction computes what training computes: the same logits, place by place, from graphs of their own. */
import { expect, test } from 'vitest'
import type { BuiltGraph } from '../../src/models/index.js'
import { int64, nativeRuntime, type Tensors } from '../../src/runtime/index.js'
import { batchFeeds, encoderFeeds, scalarFeeds } from '../../src/training/feeds.js'
import { decodeGraph, encodeGraph, gradientGraph } from '../../src/training/graphs.js'
import { ParameterStore } from '../../src/training/parameters.js'
import { openSession, startValues } from '../../src/training/weights.js'
import { randomBatch, specOf, tinyT5 } from '../support/t5.js'

test.each([
  { method: 'full', options: {} },
  { method: 'full', options: {}, over: { feed_forward_proj: 'gated-gelu', tie_word_embeddings: false } },
  { method: 'lst', options: {} },
  { method: 'lst', options: { tapNorm: true, gateImageRows: false, residualAfter: true } },
  {
    method: 'lst',
    options: { variant: 'text', mergeLast: true, gate: 'schedule-linear', lambdaDistill: 0.5 },
  },
  { method: 'lst', options: { variant: 'text', ownHead: true }, vision: false },
  { method: 'lst', options: { encoderSideLayers: [1], decoderSideLayers: [], reductionFactor: 1 } },
])('%j', async ({ method, options, over = {}, vision = true }) => {
  const { config, weights } = tinyT5({ num_layers: 2, ...over })
  const spec = specOf(config, method, options, { vision })
  const batch = randomBatch(6, { batch: 3, ...(vision ? {} : { positions: 0 }) })
  const scalars = scalarFeeds({ sideGate: 0.3, penaltyWeight: 1 / 3 })
  const gradients = gradientGraph(spec, { extra: ({ logits }) => ({ logits }) })
  const store = new ParameterStore(
    gradients.parameters
      .filter(({ trained }) => trained)
      .map((parameter) => ({ ...parameter, decays: true })),
  )
  startValues(store, gradients.parameters, weights, 3)
  const values = Object.fromEntries([...store.parameters].map(([name, { value }]) => [name, value]))
  const run = async (built: BuiltGraph, feeds: Tensors) => {
    const session = await openSession(built, weights, { runtime: nativeRuntime, threads: 2 })
    const outputs = await session.run({ ...feeds, ...scalars, ...values })
    session.close()
    return outputs
  }
  const { logits } = await run(gradients, batchFeeds(batch))
  const state = await run(encodeGraph(spec), encoderFeeds(batch))
  const vocabulary = config.vocabSize
  for (const place of [0, batch.target - 1]) {
    const ids = batch.decoderInputIds.filter((_, i) => i % batch.target <= place)
    const decoderInputIds = int64([batch.batch, place + 1], ids)
    const last = await run(decodeGraph(spec), { ...encoderFeeds(batch), ...state, decoderInputIds })
    expect(last.logits!.shape).toEqual([batch.batch, vocabulary])
    for (let row = 0; row < batch.batch; row++) {
      const forced = logits!.floats
        .subarray((row * batch.target + place) * vocabulary)
        .subarray(0, vocabulary)
      const scale = forced.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0)
      const error = last
        .logits!.floats.subarray(row * vocabulary, (row + 1) * vocabulary)
        .reduce((most, logit, i) => Math.max(most, Math.abs(logit - forced[i]!)), 0)
      expect(error / scale).toBeLessThan(1e-5)
    }
  }
})
