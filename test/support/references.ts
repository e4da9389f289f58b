/**
 * What each operator computes, in plain TypeScript and written for reading: the measure of `operators.test.ts`. A row
 * an operator; the formula may use the whole input or one index at a time.
 */
import type { Attributes } from '../../src/graph/tensor.js'

/** Numbers with a shape. */
export class Grid {
  constructor(
    readonly shape: readonly number[],
    readonly values: readonly number[],
  ) {}

  /** The element at the last axes of `index`; an axis of size 1 is stretched. */
  at(index: readonly number[]): number {
    const offset = index.length - this.shape.length
    return this.values[
      this.shape.reduce((sum, size, axis) => sum * size + (size === 1 ? 0 : index[offset + axis]!), 0)
    ]!
  }

  /** The vector along the last axis that the element at `index` is in. */
  row(index: readonly number[]): number[] {
    return Array.from({ length: this.shape.at(-1)! }, (_, i) => this.at([...index.slice(0, -1), i]))
  }
}

/** All indices of a shape, the last axis fastest. */
export function indices(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (all, size) => all.flatMap((index) => Array.from({ length: size }, (_, i) => [...index, i])),
    [[]],
  )
}

/** One element of each output, at an index of that output. */
type Reference = (
  inputs: readonly Grid[],
  attributes: Attributes,
) => readonly ((index: readonly number[]) => number)[]

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0)
const average = (values: readonly number[]): number => total(values) / values.length

const elementwise =
  (f: (...values: number[]) => number): Reference =>
  (inputs) => [(index) => f(...inputs.map((x) => x.at(index)))]

const truth = (f: (a: number, b: number) => boolean): Reference => elementwise((a, b) => Number(f(a, b)))

/** `f` of all elements that meet in one element of the result. */
const reduction =
  (f: (values: readonly number[]) => number): Reference =>
  ([x], { axes, keepDims }) => {
    const over = axes as readonly number[]
    const kept = (index: readonly number[]) =>
      index.flatMap((i, axis) => (over.includes(axis) ? (keepDims ? [0] : []) : [i]))
    const meets = (index: readonly number[]) => (from: readonly number[]) =>
      String(kept(from)) === String(index)
    return [
      (index) =>
        f(
          indices(x!.shape)
            .filter(meets(index))
            .map((from) => x!.at(from)),
        ),
    ]
  }

/** The index with `by` added at one axis. */
const moved = (index: readonly number[], axis: number, by: number): number[] =>
  index.with(axis, index[axis]! + by)

const exchanged = (index: readonly number[]): number[] => [
  ...index.slice(0, -2),
  index.at(-1)!,
  index.at(-2)!,
]

/** Σ of the rows whose number is that of the row wanted. */
function rowsAdded(rows: Grid, ids: Grid, [row, column]: readonly number[]): number {
  return total(indices(ids.shape).map((at) => (ids.at(at) === row ? rows.at([...at, column!]) : 0)))
}

const softmax = (row: readonly number[]): number[] =>
  row.map((value) => Math.exp(value) / total(row.map((other) => Math.exp(other))))

export const references: Readonly<Record<string, Reference>> = {
  add: elementwise((a, b) => a! + b!),
  sub: elementwise((a, b) => a! - b!),
  mul: elementwise((a, b) => a! * b!),
  div: elementwise((a, b) => a! / b!),
  neg: elementwise((x) => -x!),
  exp: elementwise((x) => Math.exp(x!)),
  log: elementwise((x) => Math.log(x!)),
  sqrt: elementwise((x) => Math.sqrt(x!)),
  tanh: elementwise((x) => Math.tanh(x!)),
  sigmoid: elementwise((x) => 1 / (1 + Math.exp(-x!))),
  relu: elementwise((x) => Math.max(0, x!)),
  erf: elementwise((x) => {
    const [steps, width] = [4000, x! / 4000]
    const weight = (i: number) => (i === 0 || i === steps ? 1 : i % 2 ? 4 : 2) // Simpson's rule
    const heights = Array.from({ length: steps + 1 }, (_, i) => weight(i) * Math.exp(-((i * width) ** 2)))
    return (2 / Math.sqrt(Math.PI)) * (width / 3) * total(heights)
  }),
  quickGelu: elementwise((x) => x! / (1 + Math.exp(-1.702 * x!))),
  argMax: ([x]) => [
    (index) => {
      const row = x!.row([...index, 0])
      return row.indexOf(Math.max(...row))
    },
  ],
  greater: truth((a, b) => a > b),
  less: truth((a, b) => a < b),
  equal: truth((a, b) => a === b),
  where: elementwise((condition, a, b) => (condition ? a! : b!)),
  cast: elementwise((x) => x!),
  detach: elementwise((x) => x!),
  clamp: ([x], { low, high }) => [(index) => Math.min(Number(high), Math.max(Number(low), x!.at(index)))],
  bitXor: elementwise((a, b) => (a! ^ b!) >>> 0),
  bitShift: ([x, bits], { direction }) => [
    (index) => {
      const [word, by] = [x!.at(index), bits!.at(index)]
      return direction === 'LEFT' ? (word << by) >>> 0 : word >>> by
    },
  ],
  fill: elementwise((value) => value!),
  range: () => [(index) => index[0]!],
  sum: reduction(total),
  mean: reduction(average),
  expand: elementwise((x) => x!),
  reshape: ([x], { shape }) => [
    (index) => x!.values[new Grid(shape as readonly number[], [...x!.values.keys()]).at(index)]!,
  ],
  transpose: ([x], { axes }) => [
    (index) => x!.at(x!.shape.map((_, axis) => index[(axes as readonly number[]).indexOf(axis)]!)),
  ],
  concat: (inputs, { axis }) => [
    (index) => {
      let at = index
      for (const x of inputs) {
        if (at[Number(axis)]! < x.shape[Number(axis)]!) return x.at(at)
        at = moved(at, Number(axis), -x.shape[Number(axis)]!)
      }
      return Number.NaN
    },
  ],
  slice: ([x], { axis, bounds }) => [
    (index) => x!.at(moved(index, Number(axis), Number((bounds as readonly number[])[0]))),
  ],
  pad: ([x], { axis, widths }) => [
    (index) => {
      const from = moved(index, Number(axis), -Number((widths as readonly number[])[0]))
      const position = from[Number(axis)]!
      return position >= 0 && position < x!.shape[Number(axis)]! ? x!.at(from) : 0
    },
  ],
  matMul: ([a, b], { transposeA, transposeB, alpha }) => [
    (index) => {
      const inner = a!.shape.at(transposeA ? -2 : -1)!
      const products = Array.from({ length: inner }, (_, k) => {
        const [left, right] = [index.with(-1, k), index.with(-2, k)]
        return a!.at(transposeA ? exchanged(left) : left) * b!.at(transposeB ? exchanged(right) : right)
      })
      return Number(alpha ?? 1) * total(products)
    },
  ],
  softmax: ([x]) => [(index) => softmax(x!.row(index))[index.at(-1)!]!],
  logSoftmax: ([x]) => [(index) => Math.log(softmax(x!.row(index))[index.at(-1)!]!)],
  rmsNorm: ([x, weight], { epsilon }) => {
    const scale = (row: readonly number[]) =>
      1 / Math.sqrt(average(row.map((value) => value ** 2)) + Number(epsilon))
    return [
      (index) => weight!.at(index) * x!.at(index) * scale(x!.row(index)),
      (index) => scale(x!.row(index)),
    ]
  },
  layerNorm: ([x, weight, bias], { epsilon }) => {
    const scale = (row: readonly number[]) =>
      1 / Math.sqrt(average(row.map((value) => (value - average(row)) ** 2)) + Number(epsilon))
    return [
      (index) =>
        weight!.at(index) * (x!.at(index) - average(x!.row(index))) * scale(x!.row(index)) + bias!.at(index),
      (index) => average(x!.row(index)),
      (index) => scale(x!.row(index)),
    ]
  },
  gather: ([table, ids]) => [(index) => table!.at([ids!.at(index.slice(0, -1)), index.at(-1)!])],
  scatterRows: ([rows, ids]) => [(index) => rowsAdded(rows!, ids!, index)],
  addRows: ([base, rows, ids]) => [(index) => base!.at(index) + rowsAdded(rows!, ids!, index)],
  pick: ([x, ids]) => [(index) => x!.at([...index, ids!.at(index)])],
  place: ([x, ids]) => [
    (index) => (ids!.at(index.slice(0, -1)) === index.at(-1) ? x!.at(index.slice(0, -1)) : 0),
  ],
}
