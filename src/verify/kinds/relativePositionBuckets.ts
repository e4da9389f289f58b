import { relativePositionBucket } from '../../models/index.js'
import { type RecordedCase, readValues } from '../case.js'
import type { Kind } from '../kind.js'
import { NotSupported } from '../notSupported.js'
import { integers, numbersOf, type Values } from '../values.js'

/** `want/bucket.COUNT.STACK`: the buckets of `in/distance`; an encoder looks both ways. */
export const relativePositionBuckets: Kind = {
  name: 'relative_position_bucket',
  async compute(recorded) {
    const { max_distance: furthest = 128 } = recorded.json
    if (furthest !== 128) throw new NotSupported(`max_distance = ${furthest}`)
    const names = [...recorded.expected.tensors.keys()]
    return { values: new Map(names.flatMap((name) => [...buckets(recorded, name)])) }
  },
}

function* buckets({ inputs }: RecordedCase, name: string): Generator<readonly [string, Values]> {
  const [, count, stack] = /^want\/bucket\.(\d+)\.(encoder|decoder)$/.exec(name) ?? []
  if (count === undefined) return
  const distances = readValues(inputs, 'distance')
  const ids = numbersOf(distances).map((distance) =>
    relativePositionBucket(distance, Number(count), stack === 'encoder'),
  )
  yield [name, integers(distances.shape, ids)]
}
