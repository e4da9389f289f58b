import { type Dim, dimTerms, printShape, productDims } from './dims.js'
import { ancestors } from './gradient.js'
import type { Graph } from './graph.js'
import { operators } from './operators/index.js'
import type { Node, Tensor, TensorType } from './tensor.js'

/**
 * Proves a graph sound before it is lowered: every operator is in the table and its shape rule gives what the
 * tensors say; inputs come before what is made of them; every dimension is in canonical text, and its names can be
 * read off an input.
 *
 * @throws {Error} the first fault, by operator, place in the model and tensor
 */
export function checkGraph(graph: Graph): void {
  const sizes = new Set([...graph.inputs.values()].flatMap(({ shape }) => shape))
  const sound = new Set<Dim>()
  for (const tensor of ancestors([...graph.outputs.values()])) {
    for (const dim of tensor.shape) {
      if (typeof dim === 'string' && !sound.has(dim)) checkDim(tensor, dim, sizes)
      sound.add(dim)
    }
    if (tensor.source.kind === 'node') checkNode(tensor, tensor.source)
  }
}

function checkDim(tensor: Tensor, dim: string, sizes: ReadonlySet<Dim>): void {
  if (productDims(dim) !== dim) fault(tensor, `"${dim}" is written ${productDims(dim)}`)
  const unknown = dimTerms(dim)
    .flatMap(({ factors }) => factors)
    .find((factor) => !sizes.has(factor))
  if (unknown !== undefined) fault(tensor, `no input has the dimension "${unknown}"`)
}

function checkNode(tensor: Tensor, node: Node): void {
  if (!operators.entries.includes(node.operator)) fault(tensor, 'its operator is not in the table')
  if (node.outputs[tensor.output] !== tensor) fault(tensor, 'it is not the output that it says')
  if (node.inputs.some((input) => input.id >= tensor.id)) fault(tensor, 'an input was made after it')
  const type = inferred(tensor, node)[tensor.output]!
  if (type.dtype !== tensor.dtype || String(type.shape) !== String(tensor.shape)) {
    fault(tensor, `its shape rule gives ${type.dtype} ${printShape(type.shape)}`)
  }
}

function inferred(tensor: Tensor, { operator, inputs, attributes }: Node): readonly TensorType[] {
  try {
    return [operator.infer(inputs, attributes)].flat()
  } catch (error) {
    fault(tensor, error instanceof Error ? error.message : String(error))
  }
}

function fault(tensor: Tensor, what: string): never {
  throw new Error(`graph: ${placeOf(tensor)}: ${tensor.dtype} ${printShape(tensor.shape)}: ${what}`)
}

function placeOf({ source }: Tensor): string {
  if (source.kind === 'constant') return 'constant'
  if (source.kind !== 'node') return `${source.kind} ${source.name}`
  return source.site === '' ? source.operator.name : `${source.operator.name} at ${source.site}`
}
