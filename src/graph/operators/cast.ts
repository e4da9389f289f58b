import { apply, type DType, isFloat, type Operator, type Tensor } from '../tensor.js'

export const onnxDType = {
  float32: 1,
  int32: 6,
  int64: 7,
  bool: 9,
  float64: 11,
  uint32: 12,
} as const satisfies Record<DType, number>

/** y = x in another dtype; from float to float it has a gradient. */
export const castOperator: Operator = {
  name: 'cast',
  infer: ([x], { to }) => ({ dtype: to as DType, shape: x!.shape }),
  gradient: ({ inputs: [x], upstream: [dy] }) => [
    isFloat(x!.dtype) && isFloat(dy!.dtype) ? cast(dy!, x!.dtype) : undefined,
  ],
  lower: ({ inputs, node, emit }) =>
    emit.node('Cast', inputs, { attributes: { to: onnxDType[node.attributes.to as DType] } }),
  samples: [{ inputs: [[2, 3]], attributes: { to: 'float32' } }],
}

export function cast(x: Tensor, to: DType): Tensor {
  return x.dtype === to ? x : apply(castOperator, [x], { to })
}
