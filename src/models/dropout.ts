/**
 * Dropout whose masks can be made again: each is a function of a key a row (seed, step and the row's number in the
 * global batch, hashed on the host), of the site's number, and of the element's place in the row. So it depends
 * neither on the number of workers nor on how a batch is cut (into parts that are padded alike), and a resumed run goes
 * on with the same masks.
 */
import {
  add,
  bitShift,
  bitXor,
  cast,
  concat,
  constant,
  type Dim,
  less,
  mul,
  range,
  reshape,
  type Shape,
  type Tensor,
  where,
} from '../graph/index.js'

/** Drops elements of x [batch, …]; every call is a site of its own, and may have a rate of its own. */
export type DropoutSource = (x: Tensor, rate?: number) => Tensor

export const noDropout: DropoutSource = (x) => x

/**
 * @param keys uint32 [batch]: one number a row of the batch
 * @param rate share of elements that become 0; the rest grow by 1 / (1 − rate)
 */
export function hashedDropout(keys: Tensor, rate: number): DropoutSource {
  if (rate === 0) return noDropout
  let site = 0
  const counters = new Map<string, Tensor>()
  const counterOf = (shape: Shape) => {
    const key = String(shape)
    if (!counters.has(key)) counters.set(key, elementNumbers(shape))
    return counters.get(key)!
  }
  return (x, own = rate) => {
    site++
    const keep = keepMask(keys, site, x.shape, own, counterOf)
    return mul(where(keep, x, 0), 1 / (1 - own))
  }
}

/**
 * True where an element is kept, [batch, …]. A 32-bit hash decides two elements: the halves of an even axis are drawn
 * from its upper and its lower 16 bits, so the rate is met to 1/65536.
 */
function keepMask(
  keys: Tensor,
  site: number,
  shape: Shape,
  rate: number,
  counterOf: (shape: Shape) => Tensor,
): Tensor {
  const even = shape.findLastIndex((size, axis) => axis > 0 && typeof size === 'number' && size % 2 === 0)
  const halved = even < 0 ? shape : shape.map((size, axis) => (axis === even ? (size as number) / 2 : size))
  const rowKeys = scramble(bitXor(keys, uint32(Math.imul(site, golden) >>> 0)))
  const rows = reshape(rowKeys, [shape[0]!, ...shape.slice(1).map(() => 1)])
  const bits = scramble(bitXor(counterOf(halved.slice(1)), rows))
  const upper = bitShift(bits, uint32(16), 'RIGHT')
  if (even < 0) return isKept(upper, rate)
  const lower = bitShift(bitShift(bits, uint32(16), 'LEFT'), uint32(16), 'RIGHT')
  return concat([isKept(upper, rate), isKept(lower, rate)], even)
}

/** 16 random bits, kept where they are not below the rate. */
function isKept(bits: Tensor, rate: number): Tensor {
  const threshold = constant(Int32Array.of(Math.round(rate * 65536) - 1), [], 'int32')
  return less(threshold, cast(bits, 'int32'))
}

const golden = 0x9e3779b1

/** Longer than any axis. */
const axisStride = 2 ** 20

/**
 * A scrambled number for each element of a row, uint32 [1, …]. Every axis counts in a range of its own: if axes met the
 * same numbers, places such as (a, b) and (b, a) would always be dropped together.
 */
function elementNumbers(shape: Shape): Tensor {
  const parts = shape.map((size, axis) => {
    const place = shape.map((_, other): Dim => (other === axis ? size : 1))
    const numbers = cast(add(range(size), (axis + 1) * axisStride), 'uint32')
    return scramble(reshape(mul(numbers, uint32(golden)), [1, ...place]))
  })
  return parts.reduce((a, b) => scramble(bitXor(a, b)))
}

/** Multiply, fold the upper bits down, multiply: every bit of x reaches the upper half. */
function scramble(x: Tensor): Tensor {
  const product = mul(x, uint32(0x7feb352d))
  return mul(bitXor(product, bitShift(product, uint32(15), 'RIGHT')), uint32(0x846ca68b))
}

function uint32(value: number): Tensor {
  return constant(Uint32Array.of(value), [], 'uint32')
}
