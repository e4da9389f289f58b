/**
 * ONNX bytes. The message types are ONNX's own schema (`onnx.schema.json`, made from its `onnx.proto` by
 * `scripts/make-onnx-schema.mjs`), encoded by protobufjs.
 */
import protobuf from 'protobufjs'
import type { Dim } from './dims.js'
import type { Placement } from './graph.js'
import schema from './onnx.schema.json' with { type: 'json' }
import { onnxDType } from './operators/cast.js'
import type { ConstantData, DType, NodeOptions } from './tensor.js'

export interface OnnxNode extends NodeOptionsOf {
  readonly type: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
}
type NodeOptionsOf = Pick<NodeOptions, 'attributes' | 'domain'>

export interface OnnxValue {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly Dim[]
}

export interface OnnxInitializer {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: ConstantData
}

interface OnnxModel {
  readonly nodes: readonly OnnxNode[]
  readonly initializers: readonly OnnxInitializer[]
  /** Initializers whose values lie elsewhere. */
  readonly frozen: readonly (Omit<OnnxInitializer, 'data'> & { readonly placement: Placement })[]
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  /** Types of what lies between. */
  readonly values: readonly OnnxValue[]
  readonly opset: number
  readonly irVersion: number
}

const modelType = protobuf.Root.fromJSON(schema as protobuf.INamespace).lookupType('onnx.ModelProto')
const attributeTypes = { FLOAT: 1, INT: 2, STRING: 3, INTS: 7 } as const
const externalData = 1

/** @returns the model's bytes; ONNX's own limit is 2 GiB, so big weights must be `frozen` */
export function encodeModel(model: OnnxModel): Uint8Array {
  const contributed = new Set(model.nodes.flatMap(({ domain }) => (domain ? [domain] : [])))
  const message = modelType.create({
    ir_version: model.irVersion,
    producer_name: 'vl-lst',
    opset_import: [
      { domain: '', version: model.opset },
      ...[...contributed].map((domain) => ({ domain, version: 1 })),
    ],
    graph: {
      name: 'vl-lst',
      node: model.nodes.map(encodeNode),
      initializer: [...model.initializers.map(encodeInitializer), ...model.frozen.map(encodeFrozen)],
      input: model.inputs.map(encodeValue),
      output: model.outputs.map(encodeValue),
      value_info: model.values.map(encodeValue),
    },
  })
  return modelType.encode(message).finish()
}

function encodeNode({ type, inputs, outputs, domain, attributes }: OnnxNode, index: number) {
  return {
    name: `${type}.${index}`,
    op_type: type,
    domain: domain ?? '',
    input: inputs,
    output: outputs,
    attribute: Object.entries(attributes ?? {}).map(([name, value]) => ({ name, ...encodeAttribute(value) })),
  }
}

function encodeAttribute(value: number | string | readonly number[] | { float: number }) {
  if (typeof value === 'number') return { type: attributeTypes.INT, i: value }
  if (typeof value === 'string') return { type: attributeTypes.STRING, s: Buffer.from(value) }
  if ('float' in value) return { type: attributeTypes.FLOAT, f: value.float }
  return { type: attributeTypes.INTS, ints: value }
}

function encodeInitializer({ name, dtype, shape, data }: OnnxInitializer) {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return { name, data_type: onnxDType[dtype], dims: shape, raw_data: bytes }
}

function encodeFrozen({
  name,
  dtype,
  shape,
  placement: { file, offset, bytes },
}: OnnxModel['frozen'][number]) {
  return {
    ...{ name, data_type: onnxDType[dtype], dims: shape, data_location: externalData },
    external_data: Object.entries({ location: file, offset, length: bytes }).map(([key, value]) => ({
      key,
      value: String(value),
    })),
  }
}

function encodeValue({ name, dtype, shape }: OnnxValue) {
  const dim = shape.map((size) => (typeof size === 'number' ? { dim_value: size } : { dim_param: size }))
  return { name, type: { tensor_type: { elem_type: onnxDType[dtype], shape: { dim } } } }
}
