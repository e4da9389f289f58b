/** Sums and means over axes. */
import { productDims, type Shape } from '../dims.js'
import { type Attributes, apply, type Operator, type Tensor, type TensorType } from '../tensor.js'
import { div } from './arithmetic.js'
import { checkAxes } from './axes.js'
import { expand } from './expand.js'
import { reshape } from './reshape.js'

function reducedShape(x: TensorType, { axes, keepDims }: Attributes): Shape {
  const over = new Set(axes as readonly number[])
  return x.shape.flatMap((size, axis) => (over.has(axis) ? (keepDims ? [1] : []) : [size]))
}

/** The gradient of a reduction, stretched back over the axes that were reduced. */
function stretch(dy: Tensor, x: Tensor, axes: readonly number[]): Tensor {
  const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
  return expand(reshape(dy, kept), x.shape)
}

function reduction(
  name: string,
  type: string,
  gradient: (stretched: Tensor, count: number) => Tensor,
): Operator {
  return {
    name,
    infer([x], attributes) {
      checkAxes(x!, attributes.axes as readonly number[])
      return { dtype: x!.dtype, shape: reducedShape(x!, attributes) }
    },
    gradient({ inputs: [x], upstream: [dy], attributes }) {
      const axes = attributes.axes as readonly number[]
      const count = productDims(...axes.map((axis) => x!.shape[axis]!))
      return [gradient(stretch(dy!, x!, axes), count as number)]
    },
    lower: ({ inputs, node, emit }) =>
      emit.node(type, [inputs[0]!, emit.ints(node.attributes.axes as readonly number[])], {
        attributes: { keepdims: node.attributes.keepDims ? 1 : 0 },
      }),
    samples: [
      { inputs: [[2, 3, 4]], attributes: { axes: [1], keepDims: true } },
      { inputs: [[2, 3, 4]], attributes: { axes: [0, 2], keepDims: false } },
    ],
  }
}

/** y = Σ x over `axes` */
export const sumOperator = reduction('sum', 'ReduceSum', (dy) => dy)
/** y = mean of x over `axes`, whose sizes must be numbers */
export const meanOperator = reduction('mean', 'ReduceMean', (dy, count) => div(dy, count))

/** All axes by default. */
export function sum(x: Tensor, axes?: readonly number[], options: { keepDims?: boolean } = {}): Tensor {
  const over = axes ?? x.shape.map((_, axis) => axis)
  return over.length === 0 ? x : apply(sumOperator, [x], { axes: over, keepDims: options.keepDims ?? false })
}

export function mean(x: Tensor, axes: readonly number[], options: { keepDims?: boolean } = {}): Tensor {
  if (axes.some((axis) => typeof x.shape[axis] !== 'number'))
    throw new Error('mean: the size of an axis is not a number')
  return axes.length === 0 ? x : apply(meanOperator, [x], { axes, keepDims: options.keepDims ?? false })
}
