import { apply, type Operator, type Tensor } from '../tensor.js'
import { checkAxes } from './axes.js'

/** y = x with its axes in the order `axes`. */
export const transposeOperator: Operator = {
  name: 'transpose',
  infer([x], attributes) {
    const axes = attributes.axes as readonly number[]
    checkAxes(x!, axes)
    if (axes.length !== x!.shape.length || new Set(axes).size !== axes.length)
      throw new Error(`axes ${axes} are not each axis once`)
    return { dtype: x!.dtype, shape: axes.map((axis) => x!.shape[axis]!) }
  },
  gradient({ upstream: [dy], attributes }) {
    const axes = attributes.axes as readonly number[]
    return [
      transpose(
        dy!,
        axes.map((_, axis) => axes.indexOf(axis)),
      ),
    ]
  },
  lower: ({ inputs, node, emit }) =>
    emit.node('Transpose', inputs, { attributes: { perm: node.attributes.axes as readonly number[] } }),
  samples: [{ inputs: [[2, 3, 4]], attributes: { axes: [2, 0, 1] } }],
}

export function transpose(x: Tensor, axes: readonly number[]): Tensor {
  return apply(transposeOperator, [x], { axes })
}
