/** What choosing the ladder's rows and columns needs, and what comes out of it. */
import { UserError } from '../base/index.js'
import type { Layout } from './layout.js'

/** How much each element of a backbone's tensors matters, and their shapes, by name. */
export interface Importance {
  shape(name: string): readonly number[]
  /** One number an element; its size counts, not its sign. */
  values(name: string): Float32Array
}

/** Numbers of rows or columns, in the order in which they are kept. */
export type Indices = readonly number[]

export interface Selection {
  /** What is kept of each tensor, one list an axis, numbered as in the whole tensor. */
  readonly kept: ReadonlyMap<string, readonly Indices[]>
  /**
   * What each round kept, numbered as the round before left it: by the first of the tensors that were chosen
   * together, their rows; of the token table, its columns.
   */
  readonly rounds: readonly ReadonlyMap<string, Indices>[]
}

/** A way of choosing. */
export interface Selector {
  readonly name: string
  readonly summary: string
  /** Importances have to be squares: this way has no meaning for negative ones. */
  readonly squaresOnly?: true
  /**
   * @param reductionFactor r: 1/r of every width is kept
   * @throws {UserError} importances that are no numbers, or widths that this way can't divide
   */
  select(layout: Layout, importance: Importance, reductionFactor: number): Selection
}

/** @throws {UserError} a score that is not a number, which no order can be made of */
export function checkScores(scores: Float64Array, name: string): Float64Array {
  if (!scores.some(Number.isNaN)) return scores
  throw new UserError(
    `the importance of "${name}" has values that are not numbers: look at the weights, which may be damaged`,
  )
}

/** Numbers of the entries with the lowest scores, lowest first; of equal ones the first. */
export function lowest(scores: Float64Array, count: number): number[] {
  return ranked(scores, (a, b) => a - b).slice(0, count)
}

/** Numbers of the entries with the highest scores, highest first; of equal ones the first. */
export function highest(scores: Float64Array, count: number): number[] {
  return ranked(scores, (a, b) => b - a).slice(0, count)
}

function ranked(scores: Float64Array, compare: (a: number, b: number) => number): number[] {
  return [...scores.keys()].sort((a, b) => compare(scores[a]!, scores[b]!) || a - b)
}

/** Elements of a tensor where its kept rows and columns meet; of a vector, its kept elements. */
export function cut(values: Float32Array, shape: readonly number[], kept: readonly Indices[]): Float32Array {
  const [rows, columns] = kept
  if (!columns) return Float32Array.from(rows!, (row) => values[row]!)
  const width = shape[1]!
  const result = new Float32Array(rows!.length * columns.length)
  let at = 0
  for (const row of rows!) for (const column of columns) result[at++] = values[row * width + column]!
  return result
}
