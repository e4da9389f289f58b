/** How a model's parameters meet a checkpoint. */
import { type BuiltGraph, initialise, type ParameterSpec } from '../models/index.js'
import { type Runtime, type Session, weightsIn } from '../runtime/index.js'
import type { Checkpoint } from '../weights/index.js'
import type { ParameterStore } from './parameters.js'

/**
 * A session whose frozen parameters are the checkpoint's, mapped where they lie.
 *
 * @throws {Error} a frozen parameter that the checkpoint lacks or has in another shape or dtype
 */
export function openSession(
  { graph }: BuiltGraph,
  checkpoint: Checkpoint,
  options: { readonly runtime: Runtime; readonly threads?: number; readonly profilePrefix?: string },
): Promise<Session> {
  const { runtime, threads, profilePrefix } = options
  return runtime.createSession(graph, {
    weights: weightsIn(graph, checkpoint.tensors),
    ...(threads ? { threads } : {}),
    ...(profilePrefix ? { profilePrefix } : {}),
  })
}

/** Fills the trained parameters: from the checkpoint where it has them, else by their initializers. */
export function startValues(
  store: ParameterStore,
  specs: readonly ParameterSpec[],
  checkpoint: Checkpoint,
  seed: number,
): void {
  for (const { name, initializer } of specs) {
    const value = store.parameters.get(name)?.value.floats
    if (!value) continue
    if (checkpoint.tensors.has(name)) value.set(checkpoint.readFloat32(name))
    else initialise(value, initializer, seed, name)
  }
}
