/**
 * The intermediate representation: a directed acyclic graph of tensors. Building is pure: a tensor
 * knows the node that makes it, and a graph is what its outputs lead back to.
 */
import { type Dim, printShape, type Shape } from './dims.js'

export type DType = 'float32' | 'float64' | 'int32' | 'int64' | 'uint32' | 'bool'
export type ConstantData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint32Array | Uint8Array

export interface TensorType {
  readonly dtype: DType
  readonly shape: Shape
}

export interface Tensor extends TensorType {
  /** Order of creation: a tensor's inputs have smaller numbers. */
  readonly id: number
  readonly source: Leaf | Node
  /** Which of the node's outputs this is. */
  readonly output: number
}

/**
 * What a graph starts from: `input` is given with every run, `parameter` keeps its value between runs
 * (frozen parameters lie in the checkpoint file, trained ones in a buffer), `constant` is in the graph.
 */
export type Leaf =
  | { readonly kind: 'input'; readonly name: string }
  | { readonly kind: 'parameter'; readonly name: string; readonly trained: boolean }
  | { readonly kind: 'constant'; readonly data: ConstantData }

export interface Node {
  readonly kind: 'node'
  readonly operator: Operator
  readonly inputs: readonly Tensor[]
  readonly attributes: Attributes
  readonly outputs: readonly Tensor[]
  /** Where in the model this was built, for messages: `encoder.block.2.layer.0.SelfAttention.q`. */
  readonly site: string
}

export type AttributeValue = number | boolean | string | readonly Dim[]
export type Attributes = Readonly<Record<string, AttributeValue>>

/** What a gradient rule may use. */
export interface GradientContext {
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  /** ∂loss/∂output; `undefined` where nothing depends on that output. */
  readonly upstream: readonly (Tensor | undefined)[]
  readonly attributes: Attributes
}

/** What a lowering rule may use: it emits ONNX nodes and names their results. */
export interface LowerContext {
  readonly node: Node
  /** ONNX names of the node's inputs. */
  readonly inputs: readonly string[]
  readonly emit: Emitter
}

/**
 * Whose operators a lowering may use: ONNX Runtime's own too, those of them that its WebGPU kernels have, or ONNX's
 * alone.
 */
export type Target = 'onnxruntime' | 'webgpu' | 'standard'

export interface Emitter {
  readonly target: Target
  /** Emits a node and returns the names of its outputs (one, unless `outputs` says more). */
  node(type: string, inputs: readonly string[], options?: NodeOptions): string[]
  /** Name of an int64 vector that is a constant. */
  ints(values: readonly number[]): string
  /** Name of a scalar constant. */
  scalar(value: number, dtype: DType): string
  /** Name of an int64 vector that holds the sizes of `shape` at run time. */
  sizes(shape: Shape): string
  /** True where the graph's outputs depend on this output of the node. */
  isUsed(tensor: Tensor): boolean
}

export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, number | string | readonly number[] | { float: number }>>
  readonly outputs?: number
  readonly domain?: 'com.microsoft'
}

/** One input of a sample: the shape of random normal numbers, random numbers of a range, or given integers. */
export type SampleInput =
  | readonly number[]
  | { readonly shape: readonly number[]; readonly range: readonly [number, number] }
  | { readonly shape: readonly number[]; readonly ints: readonly number[]; readonly dtype?: IntegerType }

/** The dtypes without gradient; a sample's integers are int64 unless it says otherwise. */
export type IntegerType = Exclude<DType, 'float32' | 'float64'>

/** A small case that the table test runs: value and gradient against finite differences. */
export interface Sample {
  readonly inputs: readonly SampleInput[]
  readonly attributes?: Attributes
}

/** A row of the table of operators: shape rule, gradient, lowering and samples side by side. */
export interface Operator {
  readonly name: string
  /** @throws {Error} inputs that don't fit, by shape or dtype */
  infer(inputs: readonly TensorType[], attributes: Attributes): TensorType | readonly TensorType[]
  /**
   * Gradients of the inputs, written in the same operators; `undefined` where an input has none. `null`: the
   * operator is piecewise constant or works on integers.
   */
  readonly gradient: ((context: GradientContext) => readonly (Tensor | undefined)[]) | null
  /** Returns the ONNX names of the outputs. */
  lower(context: LowerContext): readonly string[]
  /**
   * Adds a gradient that this operator made to a total of the same shape without building it densely first.
   */
  readonly addTo?: (total: Tensor, gradient: Node) => Tensor
  /**
   * Where the output lies, unless it has memory of its own: `view` is the first input's; `inPlace` is that of an input
   * of its size, if nobody reads that again.
   */
  readonly memory?: 'view' | 'inPlace'
  readonly samples: readonly Sample[]
}

let nextId = 0
let site = ''

/** Builds with `name` as the place that messages and printed graphs show. */
export function atSite<T>(name: string, build: () => T): T {
  const outer = site
  site = name
  try {
    return build()
  } finally {
    site = outer
  }
}

function leaf(type: TensorType, source: Leaf): Tensor {
  return { id: nextId++, ...type, source, output: 0 }
}

/** A tensor that is given with every run. */
export function input(name: string, shape: Shape, dtype: DType = 'float32'): Tensor {
  return leaf({ dtype, shape }, { kind: 'input', name })
}

/** A tensor that keeps its value between runs. */
export function parameter(
  name: string,
  shape: readonly number[],
  trained: boolean,
  dtype: DType = 'float32',
): Tensor {
  return leaf({ dtype, shape }, { kind: 'parameter', name, trained })
}

/** A tensor whose value is part of the graph. */
export function constant(data: ConstantData, shape: readonly number[], dtype: DType): Tensor {
  const count = shape.reduce((product, size) => product * size, 1)
  if (count !== data.length) throw new Error(`constant: ${data.length} values for shape ${printShape(shape)}`)
  return leaf({ dtype, shape }, { kind: 'constant', data })
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  bool: Uint8Array,
} as const

/** Numbers as the typed array that holds a dtype. */
export function arrayOf(dtype: DType, values: readonly number[]): ConstantData {
  return dtype === 'int64' ? BigInt64Array.from(values, BigInt) : arrays[dtype].from(values)
}

/** A constant of no dimensions, in the dtype of the tensor it meets. */
export function scalar(value: number, dtype: DType = 'float32'): Tensor {
  return constant(arrayOf(dtype, [value]), [], dtype)
}

/** Applies an operator; all outputs. */
export function applyAll(
  operator: Operator,
  inputs: readonly Tensor[],
  attributes: Attributes = {},
): readonly Tensor[] {
  const types = [inferAt(operator, inputs, attributes)].flat()
  const outputs: Tensor[] = []
  const node: Node = { kind: 'node', operator, inputs, attributes, outputs, site }
  for (const [output, { dtype, shape }] of types.entries())
    outputs.push({ id: nextId++, dtype, shape, source: node, output })
  return outputs
}

/** Applies an operator; its first output. */
export function apply(operator: Operator, inputs: readonly Tensor[], attributes: Attributes = {}): Tensor {
  return applyAll(operator, inputs, attributes)[0]!
}

function inferAt(operator: Operator, inputs: readonly Tensor[], attributes: Attributes) {
  try {
    return operator.infer(inputs, attributes)
  } catch (error) {
    const where = site === '' ? operator.name : `${operator.name} at ${site}`
    const shapes = inputs.map((tensor) => printShape(tensor.shape)).join(' and ')
    throw new Error(`${where}: ${shapes}: ${error instanceof Error ? error.message : error}`)
  }
}

/** True for the dtypes that have gradients. */
export function isFloat(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64'
}
