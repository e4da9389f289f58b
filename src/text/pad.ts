/** Token ids of several texts, row after row: `batch` × `length`, int64 as ONNX models take them. */
export interface PaddedBatch {
  readonly ids: BigInt64Array
  readonly batch: number
  readonly length: number
}

/**
 * Puts rows of different lengths into one array, filled up at the right to the longest.
 *
 * @param pad the id to fill up with
 */
export function padBatch(rows: readonly (readonly number[])[], pad: number): PaddedBatch {
  const length = rows.reduce((longest, row) => Math.max(longest, row.length), 0)
  const ids = new BigInt64Array(rows.length * length).fill(BigInt(pad))
  for (const [i, row] of rows.entries()) for (const [j, id] of row.entries()) ids[i * length + j] = BigInt(id)
  return { ids, batch: rows.length, length }
}

/** Rows filled up at the right to the longest. */
export function equallyLong(rows: readonly (readonly number[])[], filler: number): number[][] {
  const length = rows.reduce((longest, row) => Math.max(longest, row.length), 0)
  return rows.map((row) => [...row, ...new Array<number>(length - row.length).fill(filler)])
}
