/** What a model computes, by the graphs that predict. */
import { nativeRuntime, type Tensors } from '../../src/runtime/index.js'
import { batchFeeds } from '../../src/training/feeds.js'
import { decodeGraph, encodeGraph, type ModelSpec } from '../../src/training/graphs.js'
import { openSession } from '../../src/training/weights.js'
import type { Checkpoint } from '../../src/weights/index.js'
import { randomBatch } from './t5.js'

/** The same model with nothing trained: all weights are read from files. */
export const atRest = (spec: ModelSpec): ModelSpec => ({
  ...spec,
  method: { ...spec.method, trains: () => false },
})

/** Logits of the last position of a random batch; `values` are the trained weights, where there are any. */
export async function logitsOf(
  spec: ModelSpec,
  weights: Checkpoint,
  values: Tensors = {},
  vocabulary: number = spec.config.vocabSize,
): Promise<Float32Array> {
  const batch = randomBatch(4, { vocabulary, ...(spec.vision ? {} : { positions: 0 }) })
  const options = { runtime: nativeRuntime, threads: 1 }
  const encoder = await openSession(encodeGraph(spec), weights, options)
  const decoder = await openSession(decodeGraph(spec), weights, options)
  try {
    const feeds: Tensors = { ...batchFeeds(batch), ...values }
    const given = (names: ReadonlyMap<string, unknown>, all: Tensors) =>
      Object.fromEntries(Object.entries(all).filter(([name]) => names.has(name)))
    const state = await encoder.run(given(encoder.graph.inputs, feeds))
    const { logits } = await decoder.run(given(decoder.graph.inputs, { ...feeds, ...state }))
    return logits!.floats.slice()
  } finally {
    encoder.close()
    decoder.close()
  }
}
