import { type Dim, differenceDims } from '../dims.js'
import { apply, type Operator, type Tensor } from '../tensor.js'
import { checkAxes, checkOrder } from './axes.js'
import { pad } from './pad.js'

/** y = positions `start` … `end` − 1 of `axis`. */
export const sliceOperator: Operator = {
  name: 'slice',
  infer([x], attributes) {
    const [start, end] = attributes.bounds as readonly [Dim, Dim]
    const axis = attributes.axis as number
    checkAxes(x!, [axis])
    checkOrder(0, start)
    checkOrder(start, end)
    checkOrder(end, x!.shape[axis]!)
    return {
      dtype: x!.dtype,
      shape: x!.shape.map((size, i) => (i === axis ? differenceDims(end, start) : size)),
    }
  },
  gradient({ inputs: [x], upstream: [dy], attributes }) {
    const [start, end] = attributes.bounds as readonly [Dim, Dim]
    const axis = attributes.axis as number
    return [pad(dy!, axis, start, differenceDims(x!.shape[axis]!, end))]
  },
  lower({ inputs, node, emit }) {
    const [start, end] = node.attributes.bounds as readonly [Dim, Dim]
    return emit.node('Slice', [
      inputs[0]!,
      emit.sizes([start]),
      emit.sizes([end]),
      emit.ints([node.attributes.axis as number]),
    ])
  },
  samples: [{ inputs: [[3, 5]], attributes: { axis: 1, bounds: [1, 4] } }],
}

export function slice(x: Tensor, axis: number, start: Dim, end: Dim): Tensor {
  return start === 0 && end === x.shape[axis] ? x : apply(sliceOperator, [x], { axis, bounds: [start, end] })
}
