/** Position tables of other picture sizes. */
import { concat, constant, matMul, slice, type Tensor } from '../../src/graph/index.js'

/** Keys' bicubic kernel with a = −0.75, as torch's `interpolate` has it. */
function cubic(distance: number): number {
  const a = -0.75
  const t = Math.abs(distance)
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0
}

/** What each of `to` places takes from each of `from`: [to, from]; indices are clamped to the border. */
function weightsOf(from: number, to: number): number[][] {
  return Array.from({ length: to }, (_, i) => {
    const weights = new Array<number>(from).fill(0)
    const source = ((i + 0.5) * from) / to - 0.5
    const first = Math.floor(source) - 1
    for (let j = first; j < first + 4; j++) weights[Math.min(from - 1, Math.max(0, j))]! += cubic(source - j)
    return weights
  })
}

export interface PositionGrid {
  readonly rows: number
  readonly columns: number
}

/**
 * The table of a square grid of `side` resized to another grid, bicubically; row 0, the class token's, stays.
 *
 * @param table [side² + 1, width]
 * @returns [rows · columns + 1, width]
 */
export function resizedPositions(table: Tensor, side: number, { rows, columns }: PositionGrid): Tensor {
  if (rows === side && columns === side) return table
  const [vertical, horizontal] = [weightsOf(side, rows), weightsOf(side, columns)]
  const weights = vertical.flatMap((byRow) =>
    horizontal.flatMap((byColumn) => byRow.flatMap((a) => byColumn.map((b) => a * b))),
  )
  const matrix = constant(Float32Array.from(weights), [rows * columns, side * side], 'float32')
  return concat([slice(table, 0, 0, 1), matMul(matrix, slice(table, 0, 1, side * side + 1))], 0)
}
