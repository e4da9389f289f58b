/** Strided views in row-major order. The loop is hot: it runs over whole tensors. */

interface Strided {
  readonly shape: readonly number[]
  /** In elements. */
  readonly strides: readonly number[]
  /** Bytes. */
  readonly element: number
}

/** Whether the elements lie one behind the other. An axis of one element may have any stride. */
export function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 0) return true
    if (shape[axis] !== 1 && strides[axis] !== expected) return false
    expected *= shape[axis]!
  }
  return true
}

type Words = Uint8Array | Uint16Array | Uint32Array | BigUint64Array

/** Bytes as words of one element each. */
function wordsOf({ buffer, byteOffset, byteLength }: Uint8Array, element: number): Words {
  if (element === 1) return new Uint8Array(buffer, byteOffset, byteLength)
  if (element === 2) return new Uint16Array(buffer, byteOffset, byteLength / 2)
  if (element === 4) return new Uint32Array(buffer, byteOffset, byteLength / 4)
  return new BigUint64Array(buffer, byteOffset, byteLength / 8)
}

/**
 * Puts elements of a view in row-major order.
 *
 * @param source the bytes from the view's first element to its last; aligned, as `into` is
 * @param first the number, in row-major order, of the element that comes first
 */
export function gather(
  source: Uint8Array,
  { shape, strides, element }: Strided,
  first: number,
  into: Uint8Array,
): void {
  const from = wordsOf(source, element)
  const to = wordsOf(into, element)
  const index = shape.map(() => 0)
  let at = 0
  for (let axis = shape.length - 1, rest = first; axis >= 0; axis--) {
    index[axis] = rest % shape[axis]!
    at += index[axis]! * strides[axis]!
    rest = Math.floor(rest / shape[axis]!)
  }
  for (let i = 0; i < to.length; i++) {
    to[i] = from[at] as never // both have words of one size
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]!
      if (++index[axis]! < shape[axis]!) break
      at -= index[axis]! * strides[axis]!
      index[axis] = 0
    }
  }
}

/** From one byte order to the other, in place. @param element bytes of an element: 1, 2, 4 or 8 */
export function swapBytes(bytes: Uint8Array, element: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (element === 2) buffer.swap16()
  if (element === 4) buffer.swap32()
  if (element === 8) buffer.swap64()
}
