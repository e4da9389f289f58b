/** T5's relative position bias (Raffel et al. 2020, §2.1): a learned number a head and bucket of distances. */
import {
  add,
  clamp,
  constant,
  type Dim,
  gather,
  range,
  reshape,
  sub,
  type Tensor,
  transpose,
} from '../graph/index.js'

const maxDistance = 128

/**
 * The bucket of a distance: exact for small ones, logarithmic up to 128.
 *
 * @param distance key position − query position
 */
export function relativePositionBucket(distance: number, buckets: number, bidirectional: boolean): number {
  const n = bidirectional ? Math.floor(buckets / 2) : buckets
  const base = bidirectional && distance > 0 ? n : 0
  const d = bidirectional ? Math.abs(distance) : Math.max(-distance, 0)
  const exact = Math.floor(n / 2)
  if (d < exact) return base + d
  const large = exact + Math.trunc((Math.log(d / exact) / Math.log(maxDistance / exact)) * (n - exact))
  return base + Math.min(n - 1, large)
}

/**
 * @param table [buckets, heads]
 * @returns [1, heads, queries, keys]
 */
export function relativeBias(table: Tensor, queries: Dim, keys: Dim, bidirectional: boolean): Tensor {
  const [buckets, heads] = table.shape as readonly [number, number]
  const distances = Array.from({ length: 2 * maxDistance + 1 }, (_, i) => i - maxDistance)
  const ids = distances.map((distance) => BigInt(relativePositionBucket(distance, buckets, bidirectional)))
  const bucketOf = constant(BigInt64Array.from(ids), [ids.length], 'int64')
  const distance = sub(reshape(range(keys), [1, keys]), reshape(range(queries), [queries, 1]))
  const bucket = gather(bucketOf, add(clamp(distance, -maxDistance, maxDistance), maxDistance))
  const bias = transpose(gather(table, bucket), [2, 0, 1])
  return reshape(bias, [1, heads, queries, keys])
}
