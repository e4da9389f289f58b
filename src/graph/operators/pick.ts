/** One element of each row by number (the label's log-probability), and the way back. */
import type { Shape } from '../dims.js'
import { apply, type Operator, type Tensor, type TensorType } from '../tensor.js'

/** y[…] = x[…, ids[…]]; x [..., n], ids int64 [...]. */
export const pickOperator: Operator = {
  name: 'pick',
  infer([x, ids]) {
    checkPositions(ids!, x!.shape.slice(0, -1))
    return { dtype: x!.dtype, shape: ids!.shape }
  },
  gradient: ({ inputs: [x, ids], upstream: [dy] }) => [
    place(dy!, ids!, x!.shape.at(-1) as number),
    undefined,
  ],
  lower({ inputs: [x, ids], emit }) {
    const [column] = emit.node('Unsqueeze', [ids!, emit.ints([-1])])
    const [picked] = emit.node('GatherElements', [x!, column!], { attributes: { axis: -1 } })
    return emit.node('Squeeze', [picked!, emit.ints([-1])])
  },
  samples: [{ inputs: [[2, 3, 5], { shape: [2, 3], ints: [0, 4, 2, 2, 1, 4] }] }],
}

/** y [..., count] = 0 but for y[…, ids[…]] = x[…]. */
export const placeOperator: Operator = {
  name: 'place',
  infer([x, ids], { count }) {
    checkPositions(ids!, x!.shape)
    return { dtype: x!.dtype, shape: [...x!.shape, count as number] }
  },
  gradient: ({ inputs: [, ids], upstream: [dy] }) => [pick(dy!, ids!), undefined],
  lower({ inputs: [x, ids], node, emit }) {
    const { dtype, shape } = node.outputs[0]!
    const [zeros] = emit.node('Expand', [emit.scalar(0, dtype), emit.sizes(shape)])
    const [column] = emit.node('Unsqueeze', [ids!, emit.ints([-1])])
    const [values] = emit.node('Unsqueeze', [x!, emit.ints([-1])])
    return emit.node('ScatterElements', [zeros!, column!, values!], { attributes: { axis: -1 } })
  },
  samples: [{ inputs: [[2, 3], { shape: [2, 3], ints: [0, 4, 2, 2, 1, 4] }], attributes: { count: 5 } }],
}

/** @throws {Error} positions that aren't one a row */
function checkPositions(ids: TensorType, rows: Shape): void {
  if (ids.dtype !== 'int64') throw new Error('positions must be int64')
  if (String(ids.shape) !== String(rows)) throw new Error('one position a row is needed')
}

export function pick(x: Tensor, ids: Tensor): Tensor {
  return apply(pickOperator, [x, ids])
}

function place(x: Tensor, ids: Tensor, count: number): Tensor {
  return apply(placeOperator, [x, ids], { count })
}
