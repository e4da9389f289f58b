import type { Dim } from '../dims.js'
import { apply, type Operator, type Tensor } from '../tensor.js'

/** 0, 1, … n − 1 as int64, n a dimension. */
export const rangeOperator: Operator = {
  name: 'range',
  infer: (_inputs, { shape }) => ({ dtype: 'int64', shape: shape as readonly Dim[] }),
  gradient: null,
  lower({ node, emit }) {
    const [size] = emit.node('Squeeze', [emit.sizes(node.attributes.shape as readonly Dim[]), emit.ints([0])])
    return emit.node('Range', [emit.scalar(0, 'int64'), size!, emit.scalar(1, 'int64')])
  },
  samples: [{ inputs: [], attributes: { shape: [4] } }],
}

export function range(size: Dim): Tensor {
  return apply(rangeOperator, [], { shape: [size] })
}
