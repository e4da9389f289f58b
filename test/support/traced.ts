/** What a model computes on the way. */
import type { Tensor } from '../../src/graph/index.js'
import { nativeRuntime } from '../../src/runtime/index.js'
import type { Backbone } from '../../src/training/backbone.js'
import { batchFeeds } from '../../src/training/feeds.js'
import { gradientGraph, type ModelSpec } from '../../src/training/graphs.js'
import { ParameterStore } from '../../src/training/parameters.js'
import { openSession, startValues } from '../../src/training/weights.js'
import { randomBatch } from './t5.js'

/** Values that a model computes on the way, by the names of the recorded cases, and its gradients. */
export async function valuesOf(spec: ModelSpec, { weights }: Backbone, names: readonly string[]) {
  const seen = new Map<string, Tensor>()
  const built = gradientGraph(spec, {
    trace: (name, tensor) => seen.set(name, tensor),
    extra: () => Object.fromEntries(names.map((name) => [name, seen.get(name)!])),
  })
  const store = new ParameterStore(
    built.parameters.filter(({ trained }) => trained).map((parameter) => ({ ...parameter, decays: true })),
  )
  startValues(store, built.parameters, weights, 3)
  const session = await openSession(built, weights, { runtime: nativeRuntime, threads: 2 })
  try {
    const values = Object.fromEntries([...store.parameters].map(([name, { value }]) => [name, value]))
    const outputs = await session.run({ ...batchFeeds(randomBatch(1)), ...values })
    return { outputs, parameters: store.parameters }
  } finally {
    session.close()
  }
}
