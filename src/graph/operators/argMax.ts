import { apply, type Operator, type Tensor } from '../tensor.js'

/** y[…] = where x[…, ·] is largest, the first such place; int64. */
export const argMaxOperator: Operator = {
  name: 'argMax',
  infer([x]) {
    if (x!.shape.length === 0) throw new Error('a scalar has no last axis')
    return { dtype: 'int64', shape: x!.shape.slice(0, -1) }
  },
  gradient: null,
  lower: ({ inputs, emit }) => emit.node('ArgMax', inputs, { attributes: { axis: -1, keepdims: 0 } }),
  samples: [{ inputs: [[2, 3, 5]] }, { inputs: [{ shape: [2, 4], ints: [1, 7, 7, 0, 3, 3, 3, 2] }] }],
}

export const argMax = (x: Tensor): Tensor => apply(argMaxOperator, [x])
