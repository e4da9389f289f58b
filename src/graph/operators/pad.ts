import { type Dim, sumDims } from '../dims.js'
import { apply, type Operator, type Tensor } from '../tensor.js'
import { checkAxes, checkOrder } from './axes.js'
import { slice } from './slice.js'

/** y = x with `before` zeros in front of and `after` zeros behind `axis`. */
export const padOperator: Operator = {
  name: 'pad',
  infer([x], attributes) {
    const axis = attributes.axis as number
    const widths = attributes.widths as readonly [Dim, Dim]
    checkAxes(x!, [axis])
    for (const width of widths) checkOrder(0, width)
    return {
      dtype: x!.dtype,
      shape: x!.shape.map((size, i) => (i === axis ? sumDims(size, ...widths) : size)),
    }
  },
  gradient({ inputs: [x], upstream: [dy], attributes }) {
    const axis = attributes.axis as number
    const [before] = attributes.widths as readonly [Dim, Dim]
    return [slice(dy!, axis, before, sumDims(before, x!.shape[axis]!))]
  },
  lower({ inputs, node, emit }) {
    const [before, after] = node.attributes.widths as readonly [Dim, Dim]
    const axis = emit.ints([node.attributes.axis as number])
    return emit.node('Pad', [inputs[0]!, emit.sizes([before, after]), '', axis])
  },
  samples: [{ inputs: [[2, 3]], attributes: { axis: 1, widths: [2, 1] } }],
}

export function pad(x: Tensor, axis: number, before: Dim, after: Dim): Tensor {
  return before === 0 && after === 0 ? x : apply(padOperator, [x], { axis, widths: [before, after] })
}
