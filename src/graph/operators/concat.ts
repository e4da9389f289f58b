import { type Dim, sumDims } from '../dims.js'
import { apply, type Operator, type Tensor } from '../tensor.js'
import { checkAxes } from './axes.js'
import { sameDType } from './broadcast.js'
import { slice } from './slice.js'

/** y = the inputs one after the other along `axis`. */
export const concatOperator: Operator = {
  name: 'concat',
  infer(inputs, attributes) {
    const axis = attributes.axis as number
    const [first] = inputs
    checkAxes(first!, [axis])
    for (const { shape } of inputs) {
      if (
        shape.length !== first!.shape.length ||
        shape.some((size, i) => i !== axis && size !== first!.shape[i])
      ) {
        throw new Error(`sizes other than those of axis ${axis} differ`)
      }
    }
    const total = sumDims(...inputs.map(({ shape }) => shape[axis]!))
    return { dtype: sameDType(inputs), shape: first!.shape.map((size, i) => (i === axis ? total : size)) }
  },
  gradient({ inputs, upstream: [dy], attributes }) {
    const axis = attributes.axis as number
    let start: Dim = 0
    return inputs.map(({ shape }) => {
      const from = start
      start = sumDims(start, shape[axis]!)
      return slice(dy!, axis, from, start)
    })
  },
  lower: ({ inputs, node, emit }) =>
    emit.node('Concat', inputs, { attributes: { axis: node.attributes.axis as number } }),
  samples: [
    {
      inputs: [
        [2, 3],
        [2, 1],
        [2, 2],
      ],
      attributes: { axis: 1 },
    },
  ],
}

export function concat(inputs: readonly Tensor[], axis: number): Tensor {
  return inputs.length === 1 ? inputs[0]! : apply(concatOperator, inputs, { axis })
}
