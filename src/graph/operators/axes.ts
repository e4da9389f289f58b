import { type Dim, differenceDims, printShape } from '../dims.js'
import type { TensorType } from '../tensor.js'

/** @throws {Error} an axis that `x` does not have; axes are counted from 0, never from the end */
export function checkAxes({ shape }: TensorType, axes: readonly number[]): void {
  const wrong = axes.find((axis) => !Number.isInteger(axis) || axis < 0 || axis >= shape.length)
  if (wrong !== undefined) throw new Error(`${printShape(shape)} has no axis ${wrong}`)
}

/** @throws {Error} `a` is known to be greater than `b`; where that depends on named sizes, nobody knows yet */
export function checkOrder(a: Dim, b: Dim): void {
  const difference = differenceDims(b, a)
  if (typeof difference === 'number' && difference < 0) throw new Error(`${a} is beyond ${b}`)
}
