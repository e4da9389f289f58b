import { float32, int64, type Tensors } from '../runtime/index.js'
import type { Checkpoint } from '../weights/index.js'
import { readValues } from './case.js'
import type { Values } from './values.js'

export const tensorOf = ({ shape, data }: Values) =>
  data instanceof BigInt64Array ? int64(shape, data) : float32(shape, data)

/** Every tensor of a checkpoint, to feed a graph with. */
export function feedsOf(checkpoint: Checkpoint): Tensors {
  return Object.fromEntries(
    [...checkpoint.tensors.keys()].map((name) => [name, tensorOf(readValues(checkpoint, name))]),
  )
}
