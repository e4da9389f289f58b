/** Fisher importance: Σ over samples of (∂loss/∂w)², for every weight of the plain text model. */

import { methods } from '../../methods/index.js'
import { type BackboneConfig, type BuiltGraph, gradientName } from '../../models/index.js'
import type { Session, Tensors } from '../../runtime/index.js'
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
 * @param session of a graph of `loss` and the gradients of all parameters, such as {@link fisherGraph}
 * @param store the graph's parameters; its gradients are written over
 * @param samples inputs of the graph for one sample each, released here; its loss is the mean over its tokens
 * @returns one number a weight, by name
 */
export async function fisherImportance(
  session: Pick<Session, 'run'>,
  store: ParameterStore,
  samples: AsyncIterable<Tensors> | Iterable<Tensors>,
  onSample: (done: number) => void = () => {},
): Promise<ReadonlyMap<string, Float32Array>> {
  const parameters = [...store.parameters.values()]
  const values = Object.fromEntries(parameters.map(({ name, value }) => [name, value]))
  const fetches = Object.fromEntries(parameters.map(({ name, gradient }) => [gradientName(name), gradient]))
  const sums = parameters.map(({ gradient }) => new Float32Array(gradient.floats.length))
  let done = 0
  for await (const feeds of samples) {
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
