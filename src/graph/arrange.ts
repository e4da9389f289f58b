/** The list of ONNX nodes made ready for ONNX Runtime. */
import type { OnnxNode } from './onnx.js'

/**
 * Gives each output its name at the node that makes it; only what is an output twice, or comes straight from an
 * input, needs a copy.
 */
export function renameOutputs(nodes: readonly OnnxNode[], outputs: number): OnnxNode[] {
  const made = nodes.slice(0, nodes.length - outputs)
  const makers = new Map(made.flatMap((node) => node.outputs.map((name) => [name, node] as const)))
  const renamed = new Map<string, string>()
  const copies = nodes.slice(nodes.length - outputs).filter(({ inputs, outputs: [name] }) => {
    const [from] = inputs
    if (!makers.has(from!) || renamed.has(from!)) return true
    renamed.set(from!, name!)
    return false
  })
  const rename = (name: string): string => renamed.get(name) ?? name
  return [...made, ...copies].map((node) => ({
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
  }))
}

/**
 * Puts the nodes in the file so that ONNX Runtime runs them nearly as they were emitted. It goes back from the nodes
 * that nobody reads (mostly gradients of weights), the last in the file first, and runs all that each one needs. In
 * the order of emission that would be the gradient of the first layer, and with it the whole backward pass, before
 * the gradients of the others, whose inputs all wait in memory. So those nodes go to the end in reverse (T5-base,
 * LST: see docs/decisions.md).
 */
export function arrangeNodes(nodes: readonly OnnxNode[]): OnnxNode[] {
  const read = new Set(nodes.flatMap(({ inputs }) => inputs))
  const isRead = ({ outputs }: OnnxNode) => outputs.some((name) => read.has(name))
  return [...nodes.filter(isRead), ...nodes.filter((node) => !isRead(node)).reverse()]
}
