import type { Shape } from '../dims.js'
import { apply, type Operator, type Tensor } from '../tensor.js'
import { broadcastShapes, unbroadcast } from './broadcast.js'

/** y = x stretched to `shape`: axes of size 1 are repeated. */
export const expandOperator: Operator = {
  name: 'expand',
  infer: ([x], { shape }) => ({ dtype: x!.dtype, shape: broadcastShapes(x!.shape, shape as Shape) }),
  gradient: ({ inputs: [x], upstream: [dy] }) => [unbroadcast(dy!, x!)],
  lower: ({ inputs, node, emit }) =>
    emit.node('Expand', [inputs[0]!, emit.sizes(node.attributes.shape as Shape)]),
  samples: [
    { inputs: [[2, 1, 3]], attributes: { shape: [2, 4, 3] } },
    { inputs: [[3]], attributes: { shape: [2, 3] } },
  ],
}

export function expand(x: Tensor, shape: Shape): Tensor {
  const same = x.shape.length === shape.length && x.shape.every((size, axis) => size === shape[axis])
  return same ? x : apply(expandOperator, [x], { shape })
}
