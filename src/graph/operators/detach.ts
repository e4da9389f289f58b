import { apply, type Operator, type Tensor } from '../tensor.js'

/** y = x, and no gradient passes. */
export const detachOperator: Operator = {
  name: 'detach',
  infer: ([x]) => x!,
  gradient: null,
  lower: ({ inputs }) => inputs,
  memory: 'view',
  samples: [{ inputs: [[2, 3]] }],
}

export function detach(x: Tensor): Tensor {
  return apply(detachOperator, [x])
}
