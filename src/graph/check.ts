import { dimTerms, printShape } from './dims.js'
import { ancestors } from './gradient.js'
import type { Graph } from './lower.js'
import { operators } from './operators/index.js'
import type { Node, Tensor } from './tensor.js'

/**
 * Proves a graph sound before it is lowered: every operator is in the table and its shape rule gives what the
 * tensors say; inputs come before what is made of them; every named dimension can be read off an input.
 *
 * @throws {Error} the first fault, by operator, place in the model and tensor
 */
export function checkGraph(graph: Graph): void {
  const sizes = new Set([...graph.inputs.values()].flatMap(({ shape }) => shape))
  for (const tensor of ancestors([...graph.outputs.values()])) {
    for (const dim of tensor.shape) {
      for (const factor of dimTerms(dim).flatMap(({ factors }) => factors)) {
        if (!sizes.has(factor)) fault(tensor, `no input has the dimension "${factor}"`)
      }
    }
    if (tensor.source.kind === 'node') checkNode(tensor, tensor.source)
  }
}

function checkNode(tensor: Tensor, node: Node): void {
  if (operators.get(node.operator.name) !== node.operator) fault(tensor, 'its operator is not the table’s')
  if (node.outputs[tensor.output] !== tensor) fault(tensor, 'it is not the output that it says')
  if (node.inputs.some((input) => input.id >= tensor.id)) fault(tensor, 'an input was made after it')
  const types = [node.operator.infer(node.inputs, node.attributes)].flat()
  const type = types[tensor.output]!
  if (type.dtype !== tensor.dtype || String(type.shape) !== String(tensor.shape)) {
    fault(tensor, `its shape rule gives ${type.dtype} ${printShape(type.shape)}`)
  }
}

function fault(tensor: Tensor, what: string): never {
  const { source } = tensor
  const place =
    source.kind === 'node' ? `${source.operator.name} at ${source.site || 'no site'}` : source.kind
  throw new Error(`graph: ${place}: ${tensor.dtype} ${printShape(tensor.shape)}: ${what}`)
}
