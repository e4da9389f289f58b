import { printShape } from './dims.js'
import { ancestors } from './gradient.js'
import type { Graph } from './graph.js'
import type { Attributes, Tensor } from './tensor.js'

/**
 * The graph as text, a tensor a line in order of creation:
 * `%7 = matMul(%3, shared.weight) {transposeB: true} : float32 (batch, text, 47)   # lm_head`
 */
export function printGraph(graph: Graph): string {
  const lines: string[] = []
  const numbers = new Map<Tensor, number>()
  const name = (tensor: Tensor): string => {
    const { source } = tensor
    if (source.kind === 'input' || source.kind === 'parameter') return source.name
    if (source.kind === 'constant' && source.data.length === 1) return String(source.data[0])
    if (!numbers.has(tensor)) numbers.set(tensor, numbers.size)
    return `%${numbers.get(tensor)}`
  }
  for (const tensor of ancestors([...graph.outputs.values()])) {
    const { source } = tensor
    const type = `${tensor.dtype} ${printShape(tensor.shape)}`
    if (source.kind === 'node') {
      const call = `${source.operator.name}(${source.inputs.map(name).join(', ')})${printAttributes(source.attributes)}`
      lines.push(`${name(tensor)} = ${call} : ${type}${source.site ? `   # ${source.site}` : ''}`)
    } else if (source.kind !== 'constant') lines.push(`${source.kind} ${name(tensor)} : ${type}`)
    else if (source.data.length > 1) lines.push(`${name(tensor)} = constant : ${type}`)
  }
  for (const [output, tensor] of graph.outputs) lines.push(`return ${output} = ${name(tensor)}`)
  return `${lines.join('\n')}\n`
}

function printAttributes(attributes: Attributes): string {
  const entries = Object.entries(attributes).map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
  return entries.length === 0 ? '' : ` {${entries.join(', ')}}`
}
