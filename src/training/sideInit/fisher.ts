/** Fisher importance: Σ over samples of (∂loss/∂w)², for every weight of the plain text model. */

import { methods } from '../../methods/index.js'
import { type BackboneConfig, type BuiltGraph, gradientName } from '../../models/index.js'
import type { Session } from '../../runtime/index.js'
import type { Batch } from '../../tasks/index.js'
import { batchFeeds } from '../feeds.js'
import { gradientGraph } from '../graphs.js'
import type { ParameterStore } from '../parameters.js'

/** Loss and gradients of the whole backbone, which reads text alone; nothing is dropped. */
export function fisherGraph(config: BackboneConfig): BuiltGraph {
  const method = methods.get('full')
  return gradientGraph({ config, method, options: method.options.parse({}), dropout: 0 })
}

/**
 * Importances are summed, not averaged, and kept as float32 beside values and gradients: 12 bytes a weight.
 *
 * @param session of {@link fisherGraph}
 * @param store the graph's parameters; its gradients are written over
 * @param batches one sample each, its loss the mean over its tokens
 * @returns one number a weight, by name
 */
export async function fisherImportance(
  session: Pick<Session, 'run'>,
  store: ParameterStore,
  batches: AsyncIterable<Batch> | Iterable<Batch>,
  onSample: (done: number) => void = () => {},
): Promise<ReadonlyMap<string, Float32Array>> {
  const parameters = [...store.parameters.values()]
  const values = Object.fromEntries(parameters.map(({ name, value }) => [name, value]))
  const fetches = Object.fromEntries(parameters.map(({ name, gradient }) => [gradientName(name), gradient]))
  const sums = parameters.map(({ gradient }) => new Float32Array(gradient.floats.length))
  let done = 0
  for await (const batch of batches) {
    const feeds = batchFeeds(batch)
    const { loss } = await session.run({ ...feeds, ...values }, fetches)
    for (const tensor of [...Object.values(feeds), loss!]) tensor.release()
    for (const [i, { gradient }] of parameters.entries()) addSquares(sums[i]!, gradient.floats)
    onSample(++done)
  }
  return new Map(parameters.map(({ name }, i) => [name, sums[i]!]))
}

/** Hot: as often as there are samples, over all weights. */
function addSquares(sums: Float32Array, gradient: Float32Array): void {
  for (let i = 0; i < sums.length; i++) {
    const value = gradient[i]!
    sums[i]! += value * value
  }
}
