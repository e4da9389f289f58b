import { ancestors } from './gradient.js'
import { type Graph, graphOf } from './graph.js'
import { applyAll, atSite, input, isFloat, type Node, type Tensor } from './tensor.js'

/** Two graphs that make one: the outputs of the first are inputs of the second. */
export interface SplitGraph {
  readonly words: Graph
  readonly rest: Graph
}

/**
 * Takes the arithmetic of 32-bit words out of a graph, with what follows from it alone: dropout masks. GPUs lack its
 * operators, so that every second node of it would move its words between processor and device.
 *
 * @returns `undefined` for a graph without
 */
export function splitWords(graph: Graph): SplitGraph | undefined {
  const all = ancestors([...graph.outputs.values()])
  const words = wordTensors(all)
  const read = all.flatMap((tensor) => (words.has(tensor) ? [] : inputsOf(tensor)))
  const cut = [...new Set([...read, ...graph.outputs.values()])].filter((tensor) => words.has(tensor))
  if (cut.length === 0) return undefined
  const named = cut.map((tensor, i) => [`words/${i}`, tensor] as const)
  return { words: wordsGraph(graph, named), rest: restGraph(graph, all, words, named) }
}

const inputsOf = ({ source }: Tensor) => (source.kind === 'node' ? source.inputs : [])

function wordTensors(all: readonly Tensor[]): ReadonlySet<Tensor> {
  const words = new Set<Tensor>()
  for (const tensor of all) {
    const inputs = inputsOf(tensor)
    const touches = [tensor, ...inputs].some(({ dtype }) => dtype === 'uint32')
    const follows = !isFloat(tensor.dtype) && inputs.some((given) => words.has(given))
    if (tensor.source.kind === 'node' && (touches || follows)) words.add(tensor)
  }
  return words
}

/** Inputs that tell a size stay, used or not. */
function wordsGraph(graph: Graph, named: readonly (readonly [string, Tensor])[]): Graph {
  const used = new Set(ancestors(named.map(([, tensor]) => tensor)))
  const tellsSize = ({ shape }: Tensor) => shape.some((dim) => typeof dim === 'string')
  const inputs = [...graph.inputs].filter(([, tensor]) => used.has(tensor) || tellsSize(tensor))
  return { outputs: new Map(named), inputs: new Map(inputs), frozen: new Map() }
}

/** The same nodes over the same leaves, with inputs in place of what was cut. */
function restGraph(
  graph: Graph,
  all: readonly Tensor[],
  words: ReadonlySet<Tensor>,
  named: readonly (readonly [string, Tensor])[],
): Graph {
  const made = new Map<Tensor, Tensor>(
    named.map(([name, tensor]) => [tensor, input(name, tensor.shape, tensor.dtype)]),
  )
  const again = (node: Node) =>
    atSite(node.site, () =>
      applyAll(
        node.operator,
        node.inputs.map((tensor) => made.get(tensor)!),
        node.attributes,
      ),
    )
  for (const tensor of all) {
    if (made.has(tensor) || words.has(tensor)) continue
    const { source } = tensor
    if (source.kind !== 'node') made.set(tensor, tensor)
    else for (const [i, output] of again(source).entries()) made.set(source.outputs[i]!, output)
  }
  return graphOf(Object.fromEntries([...graph.outputs].map(([name, tensor]) => [name, made.get(tensor)!])))
}
