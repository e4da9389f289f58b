/**
 * Rows of a table by number, and the way back.
 *
 * `ScatterND` with `reduction="add"` loses additions when a row repeats and several threads run (18 of 20 runs
 * wrong). So repeated rows are first summed by a product with a matrix of zeros and ones, then placed: same bits
 * every time.
 */
import {
  apply,
  type Emitter,
  type LowerContext,
  type Node,
  type Operator,
  type Tensor,
  type TensorType,
} from '../tensor.js'

/** y[…] = table[ids[…]]; ids int64 of any shape. A table with a gradient is [rows, width]. */
export const gatherOperator: Operator = {
  name: 'gather',
  infer([table, ids]) {
    if (ids!.dtype !== 'int64') throw new Error('row numbers must be int64')
    return { dtype: table!.dtype, shape: [...ids!.shape, ...table!.shape.slice(1)] }
  },
  gradient: ({ inputs: [table, ids], upstream: [dy] }) => [
    scatterRows(dy!, ids!, table!.shape[0] as number),
    undefined,
  ],
  lower: ({ inputs, emit }) => emit.node('Gather', inputs, { attributes: { axis: 0 } }),
  samples: [{ inputs: [[6, 3], { shape: [2, 4], ints: [0, 5, 5, 2, 5, 0, 1, 1] }] }],
}

/** y [count, width] = 0, and each row is added at its number; repeated numbers add up. */
export const scatterRowsOperator: Operator = {
  name: 'scatterRows',
  infer([rows, ids], { count }) {
    checkRows(rows!, ids!)
    return { dtype: rows!.dtype, shape: [count as number, rows!.shape.at(-1)!] }
  },
  gradient: ({ inputs: [, ids], upstream: [dy] }) => [gather(dy!, ids!), undefined],
  lower(context) {
    const { node, emit } = context
    const count = node.attributes.count as number
    if (count <= denseRows)
      return sumRows(
        context.inputs,
        emit,
        node.inputs[0]!,
        emit.node('Range', [
          emit.scalar(0, 'int64'),
          emit.scalar(count, 'int64'),
          emit.scalar(1, 'int64'),
        ])[0]!,
      )
    const { unique, summed } = uniqueRows(context.inputs, emit, node.inputs[0]!)
    const [zeros] = emit.node('Expand', [
      emit.scalar(0, node.outputs[0]!.dtype),
      emit.sizes(node.outputs[0]!.shape),
    ])
    return emit.node('ScatterND', [zeros!, unique, summed])
  },
  addTo: (total, { inputs: [rows, ids] }: Node) => apply(addRowsOperator, [total, rows!, ids!]),
  samples: [
    { inputs: [[2, 4, 3], { shape: [2, 4], ints: [0, 5, 5, 2, 5, 0, 1, 1] }], attributes: { count: 7 } },
    { inputs: [[4, 3], { shape: [4], ints: [2999, 5, 5, 2] }], attributes: { count: 3000 } },
  ],
}

/** y = base, and each row is added at its number; repeated numbers add up. */
export const addRowsOperator: Operator = {
  name: 'addRows',
  infer([base, rows, ids]) {
    checkRows(rows!, ids!)
    if (base!.shape.length !== 2 || base!.shape[1] !== rows!.shape.at(-1))
      throw new Error('the rows are not as wide as what they are added to')
    return base!
  },
  gradient: ({ inputs: [, , ids], upstream: [dy] }) => [dy, gather(dy!, ids!), undefined],
  lower({ inputs: [base, ...rest], node, emit }: LowerContext) {
    const { unique, summed } = uniqueRows(rest, emit, node.inputs[1]!)
    const [flat] = emit.node('Squeeze', [unique, emit.ints([1])])
    const [before] = emit.node('Gather', [base!, flat!], { attributes: { axis: 0 } })
    const [after] = emit.node('Add', [before!, summed])
    return emit.node('ScatterND', [base!, unique, after!])
  },
  samples: [{ inputs: [[6, 3], [4, 3], { shape: [4], ints: [0, 5, 5, 2] }] }],
}

/** @throws {Error} rows that aren't [one an id…, width] */
function checkRows(rows: TensorType, ids: TensorType): void {
  if (ids.dtype !== 'int64') throw new Error('row numbers must be int64')
  if (String(rows.shape.slice(0, -1)) !== String(ids.shape) || typeof rows.shape.at(-1) !== 'number')
    throw new Error('one row of a known width is needed for each number')
}

/** Up to this many rows of a table, a product with all of them is cheaper than finding the distinct ones. */
const denseRows = 512

/** Rows with the same number added up: `numbers` [n] against the ids, times the rows [n, width]. */
function sumRows([rows, ids]: readonly string[], emit: Emitter, like: TensorType, numbers: string): string[] {
  const width = like.shape.at(-1)!
  const [flatIds] = emit.node('Reshape', [ids!, emit.ints([1, -1])])
  const [column] = emit.node('Unsqueeze', [numbers, emit.ints([1])])
  const [matches] = emit.node('Equal', [column!, flatIds!])
  const [ones] = emit.node('Cast', [matches!], { attributes: { to: like.dtype === 'float64' ? 11 : 1 } })
  const [flatRows] = emit.node('Reshape', [rows!, emit.ints([-1, width as number])])
  return emit.node('MatMul', [ones!, flatRows!])
}

/** The distinct numbers [n, 1] and the sum of the rows of each [n, width]. */
function uniqueRows(inputs: readonly string[], emit: Emitter, like: TensorType) {
  const [flatIds] = emit.node('Reshape', [inputs[1]!, emit.ints([-1])])
  const [numbers] = emit.node('Unique', [flatIds!], { attributes: { sorted: 1 } })
  const [summed] = sumRows(inputs, emit, like, numbers!)
  const [unique] = emit.node('Unsqueeze', [numbers!, emit.ints([1])])
  return { unique: unique!, summed: summed! }
}

/** @param ids int64, any shape; the result has that shape and the table's width behind it */
export function gather(table: Tensor, ids: Tensor): Tensor {
  return apply(gatherOperator, [table, ids])
}

function scatterRows(rows: Tensor, ids: Tensor, count: number): Tensor {
  return apply(scatterRowsOperator, [rows, ids], { count })
}
