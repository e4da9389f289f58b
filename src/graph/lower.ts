/**
 * Lowering: the graph as ONNX nodes, in order of creation. Inputs, parameters and outputs have their own names; `%12`
 * is what a node makes or a constant.
 */
import { arrangeNodes, renameOutputs } from './arrange.js'
import { checkGraph } from './check.js'
import { type Dim, dimTerms, type Shape } from './dims.js'
import { ancestors } from './gradient.js'
import type { Graph, Placement } from './graph.js'
import { encodeModel, type OnnxInitializer, type OnnxNode, type OnnxValue } from './onnx.js'
import {
  arrayOf,
  type DType,
  type Emitter,
  type Leaf,
  type Node,
  type NodeOptions,
  type Target,
  type Tensor,
} from './tensor.js'

/**
 * @param options.placements where each frozen parameter lies on disk; without it they are inputs of the model,
 *   to be bound once to the memory where they lie
 * @returns the bytes of an ONNX model
 * @throws {Error} what `checkGraph` finds
 */
export function lower(
  graph: Graph,
  options: { target?: Target; placements?: ReadonlyMap<string, Placement> } = {},
): Uint8Array {
  checkGraph(graph)
  return new Lowering(graph, options.target ?? 'onnxruntime').model(options.placements)
}

/** `standard` needs `RMSNormalization` (opset 23); each opset has the file version that came with it or a later one. */
const versions = {
  onnxruntime: { opset: 18, irVersion: 10 },
  webgpu: { opset: 18, irVersion: 10 },
  standard: { opset: 23, irVersion: 11 },
} as const satisfies Record<Target, { opset: number; irVersion: number }>

class Lowering implements Emitter {
  readonly #graph: Graph
  readonly #nodes: OnnxNode[] = []
  readonly #initializers: OnnxInitializer[] = []
  readonly #names = new Map<Tensor, string>()
  readonly #constants = new Map<string, string>()
  readonly #used: ReadonlySet<Tensor>
  #count = 0

  constructor(
    graph: Graph,
    readonly target: Target,
  ) {
    this.#graph = graph
    this.#used = new Set(ancestors([...graph.outputs.values()]))
  }

  model(placements: ReadonlyMap<string, Placement> | undefined): Uint8Array {
    const emitted = new Set<Node>()
    for (const tensor of this.#used) {
      const { source } = tensor
      if (source.kind !== 'node') this.#names.set(tensor, this.#leaf(tensor, source))
      else if (!emitted.has(source)) {
        emitted.add(source)
        const inputs = source.inputs.map((input) => this.#names.get(input)!)
        const names = source.operator.lower({ node: source, inputs, emit: this })
        source.outputs.forEach((output, i) => {
          if (names[i]) this.#names.set(output, names[i])
        })
      }
    }
    const outputs = [...this.#graph.outputs].map(([name, tensor]): OnnxValue => {
      this.#nodes.push({ type: 'Identity', inputs: [this.#names.get(tensor)!], outputs: [name] })
      return { name, dtype: tensor.dtype, shape: tensor.shape }
    })
    const { inputs: given, frozen } = this.#graph
    const placed = placements ? frozen : new Map<string, Tensor>()
    const inputs = placements ? given : new Map([...given, ...frozen])
    return encodeModel({
      nodes: arrangeNodes(renameOutputs(this.#nodes, outputs.length)),
      initializers: this.#initializers,
      frozen: [...placed].map(([name, { dtype, shape }]) => ({
        ...{ name, dtype, shape: shape as readonly number[] },
        placement: placementOf(name, placements!),
      })),
      inputs: [...inputs].map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
      outputs,
      values: this.#values(),
      ...versions[this.target],
    })
  }

  /**
   * Shapes of what lies between inputs and outputs. ONNX Runtime's own inference loses sums of named dimensions, and
   * without equal shapes its planner searches ever longer lists of free buffers (T5-base: 4.5 s against 0.4 s).
   */
  #values(): OnnxValue[] {
    const outputs = new Set([...this.#graph.outputs.values()].map((tensor) => this.#names.get(tensor)))
    const values = new Map<string, OnnxValue>() // an operator may give its input's own name on
    for (const [{ source, dtype, shape }, name] of this.#names) {
      if (source.kind === 'node' && !outputs.has(name) && !this.#graph.inputs.has(name))
        values.set(name, { name, dtype, shape })
    }
    return [...values.values()]
  }

  #leaf({ dtype, shape }: Tensor, source: Leaf): string {
    if (source.kind !== 'constant') return source.name
    return this.#constant(`${dtype}(${shape})${source.data.length <= 8 ? source.data : `#${this.#count}`}`, {
      ...{ dtype, shape: shape as readonly number[], data: source.data },
    })
  }

  #constant(key: string, value: Omit<OnnxInitializer, 'name'>): string {
    const known = this.#constants.get(key)
    if (known) return known
    const name = `%${this.#count++}`
    this.#constants.set(key, name)
    this.#initializers.push({ name, ...value })
    return name
  }

  node(type: string, inputs: readonly string[], options: NodeOptions = {}): string[] {
    const outputs = Array.from({ length: options.outputs ?? 1 }, () => `%${this.#count++}`)
    this.#nodes.push({ ...options, type, inputs, outputs })
    return outputs
  }

  ints(values: readonly number[]): string {
    const data = BigInt64Array.from(values, BigInt)
    return this.#constant(`int64(${values.length})${data}`, { dtype: 'int64', shape: [values.length], data })
  }

  scalar(value: number, dtype: DType): string {
    return this.#constant(`${dtype}()${value}`, { dtype, shape: [], data: arrayOf(dtype, [value]) })
  }

  sizes(shape: Shape): string {
    if (shape.every((dim) => typeof dim === 'number')) return this.ints(shape)
    return this.#once(`sizes(${shape})`, () =>
      shape.length === 1
        ? this.#size(shape[0]!)
        : this.node(
            'Concat',
            shape.map((dim) => this.#size(dim)),
            { attributes: { axis: 0 } },
          )[0]!,
    )
  }

  isUsed(tensor: Tensor): boolean {
    return this.#used.has(tensor)
  }

  /** A dimension as an int64 vector of one element: sums of products of the inputs' own sizes. */
  #size(dim: Dim): string {
    if (typeof dim === 'number') return this.ints([dim])
    return this.#once(dim, () => {
      const terms = dimTerms(dim).map(({ coefficient, factors }) => {
        const parts = factors.map((factor) => this.#namedSize(factor))
        if (coefficient !== 1 || parts.length === 0) parts.push(this.ints([coefficient]))
        return parts.reduce((a, b) => this.node('Mul', [a, b])[0]!)
      })
      return terms.reduce((a, b) => this.node('Add', [a, b])[0]!)
    })
  }

  #namedSize(name: string): string {
    return this.#once(`size of ${name}`, () => {
      for (const [input, { shape }] of this.#graph.inputs) {
        const axis = shape.indexOf(name)
        if (axis >= 0) return this.node('Shape', [input], { attributes: { start: axis, end: axis + 1 } })[0]!
      }
      throw new Error(`no input has the dimension "${name}"`)
    })
  }

  #once(key: string, make: () => string): string {
    const known = this.#constants.get(key)
    if (known) return known
    const name = make()
    this.#constants.set(key, name)
    return name
  }
}

function placementOf(name: string, placements: ReadonlyMap<string, Placement>): Placement {
  const placement = placements.get(name)
  if (!placement) throw new Error(`frozen parameter "${name}" has no placement`)
  return placement
}
