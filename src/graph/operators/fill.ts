import type { Shape } from '../dims.js'
import { apply, type DType, type Operator, scalar, type Tensor } from '../tensor.js'

/** A tensor of `shape`, every element the scalar input. */
export const fillOperator: Operator = {
  name: 'fill',
  infer: ([value], { shape }) => ({ dtype: value!.dtype, shape: shape as Shape }),
  gradient: null,
  lower: ({ inputs, node, emit }) =>
    emit.node('Expand', [inputs[0]!, emit.sizes(node.attributes.shape as Shape)]),
  samples: [{ inputs: [[]], attributes: { shape: [2, 3] } }],
}

export function fill(value: number, shape: Shape, dtype: DType = 'float32'): Tensor {
  return apply(fillOperator, [scalar(value, dtype)], { shape })
}
