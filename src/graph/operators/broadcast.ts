import { type Dim, printShape, type Shape } from '../dims.js'
import type { Tensor, TensorType } from '../tensor.js'
import { sum } from './reduce.js'
import { reshape } from './reshape.js'

/**
 * The shape of `a ∘ b` elementwise: trailing axes are aligned, a size of 1 stretches.
 *
 * @throws {Error} two sizes that differ and are not 1
 */
export function broadcastShapes(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, axis): Dim => {
    const [x, y] = [a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1]
    if (x !== y && x !== 1 && y !== 1)
      throw new Error(`sizes ${x} and ${y} of ${printShape(a)} and ${printShape(b)} differ`)
    return x === 1 ? y : x
  })
}

/** The one dtype of all inputs. */
export function sameDType(inputs: readonly TensorType[]): TensorType['dtype'] {
  const [first] = inputs
  if (inputs.some(({ dtype }) => dtype !== first!.dtype)) {
    throw new Error(`dtypes ${inputs.map(({ dtype }) => dtype).join(' and ')} differ`)
  }
  return first!.dtype
}

/** Sums a gradient over the axes along which `like` was stretched. */
export function unbroadcast(gradient: Tensor, like: Tensor): Tensor {
  const extra = gradient.shape.length - like.shape.length
  const axes = gradient.shape.flatMap((size, axis) =>
    axis < extra || (like.shape[axis - extra] === 1 && size !== 1) ? [axis] : [],
  )
  if (axes.length === 0) return gradient
  return reshape(sum(gradient, axes, { keepDims: true }), like.shape)
}
