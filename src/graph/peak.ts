/** How much memory a run of a graph takes, from its shapes alone. */
import { evaluateDim } from './dims.js'
import { ancestors } from './gradient.js'
import type { Graph } from './graph.js'
import { arrayOf, type DType, type Node, type Tensor } from './tensor.js'

const elementBytes = (dtype: DType): number => arrayOf(dtype, []).BYTES_PER_ELEMENT

/** Bytes of a tensor once the named sizes are known. */
export function tensorBytes({ dtype, shape }: Tensor, sizes: ReadonlyMap<string, number>): number {
  return shape.reduce<number>((product, dim) => product * evaluateDim(dim, sizes), elementBytes(dtype))
}

/**
 * Most bytes that what lies between inputs and outputs takes at once. Nodes run in order of creation, and a tensor is
 * gone when its last reader has run; inputs, parameters and outputs lie in memory of the caller's.
 *
 * @param sizes of all named dimensions
 */
export function peakBytes(graph: Graph, sizes: ReadonlyMap<string, number>): number {
  const tensors = ancestors([...graph.outputs.values()])
  const nodes = [...new Set(tensors.flatMap(({ source }) => (source.kind === 'node' ? [source] : [])))]
  const used = new Set(tensors)
  const memory = new Memory(nodes, new Set(graph.outputs.values()))
  let [live, peak] = [0, 0]
  for (const [turn, node] of nodes.entries()) {
    for (const output of node.outputs) {
      if (!used.has(output) || !memory.isOwn(output)) continue
      const bytes = tensorBytes(output, sizes)
      const dying = node.operator.memory === 'inPlace' ? memory.dyingAt(turn, node) : []
      const taken = dying.find((input) => tensorBytes(input, sizes) === bytes)
      if (taken === undefined) live += bytes
      else memory.handOver(taken)
    }
    peak = Math.max(peak, live)
    for (const tensor of memory.endAt(turn)) live -= tensorBytes(tensor, sizes)
  }
  return peak
}

/** Whose memory each tensor lies in, and when the last of its readers runs. */
class Memory {
  readonly #owners = new Map<Tensor, Tensor>()
  readonly #last = new Map<Tensor, number>()
  readonly #ending = new Map<number, Set<Tensor>>()
  readonly #outputs: ReadonlySet<Tensor>

  constructor(nodes: readonly Node[], outputs: ReadonlySet<Tensor>) {
    this.#outputs = outputs
    for (const [turn, node] of nodes.entries()) {
      for (const tensor of [...node.inputs, ...node.outputs]) this.#last.set(this.#ownerOf(tensor), turn)
    }
    for (const [tensor, turn] of this.#last) {
      if (!this.isOwn(tensor)) continue
      const ending = this.#ending.get(turn) ?? new Set()
      this.#ending.set(turn, ending.add(tensor))
    }
  }

  #ownerOf(tensor: Tensor): Tensor {
    const known = this.#owners.get(tensor)
    if (known) return known
    const { source } = tensor
    const isView = source.kind === 'node' && source.operator.memory === 'view'
    const owner = isView ? this.#ownerOf(source.inputs[0]!) : tensor
    this.#owners.set(tensor, owner)
    return owner
  }

  /** Whether a tensor takes memory of the run's own. */
  isOwn(tensor: Tensor): boolean {
    return tensor.source.kind === 'node' && this.#ownerOf(tensor) === tensor && !this.#outputs.has(tensor)
  }

  /** What a node reads and nobody reads after it. */
  dyingAt(turn: number, { inputs }: Node): readonly Tensor[] {
    const ending = this.#ending.get(turn)
    return inputs.map((input) => this.#ownerOf(input)).filter((owner) => ending?.has(owner))
  }

  /** The memory of `from` goes on as another tensor's: it is not freed here. */
  handOver(from: Tensor): void {
    this.#ending.get(this.#last.get(from)!)!.delete(from)
  }

  endAt(turn: number): Iterable<Tensor> {
    return this.#ending.get(turn) ?? []
  }
}
