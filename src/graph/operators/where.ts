import { apply, type Operator, scalar, type Tensor } from '../tensor.js'
import { broadcastShapes, sameDType, unbroadcast } from './broadcast.js'

/** y = condition ? a : b, elementwise with broadcasting. */
export const whereOperator: Operator = {
  name: 'where',
  infer([condition, a, b]) {
    if (condition!.dtype !== 'bool') throw new Error('the condition must be bool')
    const shape = broadcastShapes(condition!.shape, broadcastShapes(a!.shape, b!.shape))
    return { dtype: sameDType([a!, b!]), shape }
  },
  gradient: ({ inputs: [condition, a, b], upstream: [dy] }) => [
    undefined,
    unbroadcast(where(condition!, dy!, 0), a!),
    unbroadcast(where(condition!, 0, dy!), b!),
  ],
  lower: ({ inputs, emit }) => emit.node('Where', inputs),
  samples: [
    { inputs: [{ shape: [2, 3], ints: [1, 0, 0, 1, 1, 0], dtype: 'bool' }, [2, 3], [2, 3]] },
    { inputs: [{ shape: [3], ints: [1, 0, 1], dtype: 'bool' }, [2, 3], [1]] },
  ],
}

export function where(condition: Tensor, a: Tensor | number, b: Tensor | number): Tensor {
  const dtype = typeof a === 'number' ? (b as Tensor).dtype : a.dtype
  const [x, y] = [a, b].map((value) => (typeof value === 'number' ? scalar(value, dtype) : value))
  return apply(whereOperator, [condition, x!, y!])
}
