import { printShape, productDims, type Shape } from '../dims.js'
import { apply, type Operator, type Tensor } from '../tensor.js'

/** y = the elements of x in the same order, in another shape. */
export const reshapeOperator: Operator = {
  name: 'reshape',
  infer([x], attributes) {
    const shape = attributes.shape as Shape
    if (productDims(...x!.shape) !== productDims(...shape))
      throw new Error(`can't be reshaped to ${printShape(shape)}`)
    return { dtype: x!.dtype, shape }
  },
  gradient: ({ inputs: [x], upstream: [dy] }) => [reshape(dy!, x!.shape)],
  lower({ inputs, node, emit }) {
    const shape = node.attributes.shape as Shape
    const from = node.inputs[0]!.shape
    const sizes = shape.map((size, axis) => (typeof size === 'number' ? size : size === from[axis] ? 0 : -1))
    const inferable = sizes.filter((size) => size === -1).length <= 1 && !shape.includes(0)
    return emit.node('Reshape', [inputs[0]!, inferable ? emit.ints(sizes) : emit.sizes(shape)])
  },
  memory: 'view',
  samples: [
    { inputs: [[2, 6]], attributes: { shape: [3, 4] } },
    { inputs: [[2, 3, 4]], attributes: { shape: [24] } },
  ],
}

export function reshape(x: Tensor, shape: Shape): Tensor {
  const same = x.shape.length === shape.length && x.shape.every((size, axis) => size === shape[axis])
  return same ? x : apply(reshapeOperator, [x], { shape })
}
