/** Elementwise comparisons of two tensors, with broadcasting: booleans, so without gradient. */
import { apply, type Operator, scalar, type Tensor } from '../tensor.js'
import { broadcastShapes, sameDType } from './broadcast.js'

function comparison(name: string, type: string): Operator {
  return {
    name,
    infer(inputs) {
      sameDType(inputs)
      return { dtype: 'bool', shape: broadcastShapes(inputs[0]!.shape, inputs[1]!.shape) }
    },
    gradient: null,
    lower: ({ inputs, emit }) => emit.node(type, inputs),
    samples: [
      { inputs: [[2, 3], [3]] },
      {
        inputs: [
          { shape: [2, 2], ints: [1, 2, 3, 4] },
          { shape: [2, 2], ints: [1, 3, 2, 4] },
        ],
      },
    ],
  }
}

/** y = a > b */
export const greaterOperator = comparison('greater', 'Greater')
/** y = a < b */
export const lessOperator = comparison('less', 'Less')
/** y = (a = b) */
export const equalOperator = comparison('equal', 'Equal')

export function greater(a: Tensor, b: Tensor | number): Tensor {
  return apply(greaterOperator, [a, typeof b === 'number' ? scalar(b, a.dtype) : b])
}

export function less(a: Tensor, b: Tensor | number): Tensor {
  return apply(lessOperator, [a, typeof b === 'number' ? scalar(b, a.dtype) : b])
}

export function equal(a: Tensor, b: Tensor | number): Tensor {
  return apply(equalOperator, [a, typeof b === 'number' ? scalar(b, a.dtype) : b])
}
