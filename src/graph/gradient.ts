import { add } from './operators/arithmetic.js'
import { type Node, scalar, type Tensor } from './tensor.js'

/**
 * Reverse-mode differentiation (Linnainmaa 1970): the gradient of a scalar by each of `parameters`, as more
 * tensors of the same graph. Only nodes that lie between a parameter and the loss are visited, so nothing is
 * ever propagated into what is frozen.
 *
 * @param loss float, no dimensions
 * @returns one gradient a parameter, of its shape; `undefined` where the loss does not depend on it
 */
export function gradients(loss: Tensor, parameters: readonly Tensor[]): (Tensor | undefined)[] {
  if (loss.shape.length !== 0) throw new Error('gradients: the loss must be a scalar')
  const wanted = leadsTo(loss, new Set(parameters))
  const totals = new Map<Tensor, Tensor>([[loss, scalar(1, loss.dtype)]])
  const nodes = [
    ...new Set([...wanted].flatMap((tensor) => (tensor.source.kind === 'node' ? [tensor.source] : []))),
  ]
  nodes.sort((a, b) => b.outputs[0]!.id - a.outputs[0]!.id)
  for (const node of nodes) {
    const upstream = node.outputs.map((output) => totals.get(output))
    if (upstream.every((total) => total === undefined) || node.operator.gradient === null) continue
    const parts = node.operator.gradient({ ...node, upstream })
    node.inputs.forEach((input, i) => {
      const part = parts[i]
      if (part === undefined || !wanted.has(input)) return
      totals.set(input, accumulate(totals.get(input), part))
    })
    for (const output of node.outputs) if (!parameters.includes(output)) totals.delete(output)
  }
  return parameters.map((tensor) => totals.get(tensor))
}

/** All tensors that depend on one of `roots` and that `loss` depends on. */
function leadsTo(loss: Tensor, roots: ReadonlySet<Tensor>): Set<Tensor> {
  const wanted = new Set<Tensor>()
  for (const tensor of ancestors([loss])) {
    const fromInputs =
      tensor.source.kind === 'node' && tensor.source.inputs.some((input) => wanted.has(input))
    if (roots.has(tensor) || fromInputs) wanted.add(tensor)
  }
  return wanted
}

/** Everything that `outputs` depend on, themselves included, in order of creation. */
export function ancestors(outputs: readonly Tensor[]): Tensor[] {
  const seen = new Set<Tensor>()
  const stack = [...outputs]
  while (stack.length > 0) {
    const tensor = stack.pop()!
    if (seen.has(tensor)) continue
    seen.add(tensor)
    if (tensor.source.kind === 'node') stack.push(...tensor.source.inputs)
  }
  return [...seen].sort((a, b) => a.id - b.id)
}

function accumulate(total: Tensor | undefined, part: Tensor): Tensor {
  if (total === undefined) return part
  const [fromPart, fromTotal] = [addTo(part), addTo(total)]
  if (fromPart) return fromPart(total)
  if (fromTotal) return fromTotal(part)
  return add(total, part)
}

/** How a gradient adds itself to another without being made dense, where its operator knows how. */
function addTo({ source }: Tensor): ((total: Tensor) => Tensor) | undefined {
  const rule = source.kind === 'node' ? source.operator.addTo : undefined
  return rule && ((total) => rule(total, source as Node))
}
