/**
 * float16 (IEEE 754 binary16) and bfloat16 (the upper half of a float32) to float32 and back. Halves
 * are held as their bits. The loops are hot: they run over whole checkpoints and allocate nothing.
 */

/** Widens exactly: every float16 is a float32. `into` has at least `from.length` elements. */
export function float16ToFloat32(from: Uint16Array, into: Float32Array): void {
  const table = float16Values()
  for (let i = 0; i < from.length; i++) into[i] = table[from[i]!]!
}

/** Widens exactly: the bits are the upper half of the float32's. */
export function bfloat16ToFloat32(from: Uint16Array, into: Float32Array): void {
  const bits = bitsOf(into)
  for (let i = 0; i < from.length; i++) bits[i] = from[i]! << 16
}

/** Narrows, to nearest, ties to even; from 65520 on it becomes an infinity. NaN stays NaN. */
export function float32ToFloat16(from: Float32Array, into: Uint16Array): void {
  const bits = bitsOf(from)
  for (let i = 0; i < bits.length; i++) into[i] = float16Bits(bits[i]!)
}

/** Narrows, to nearest, ties to even. NaN stays NaN. */
export function float32ToBfloat16(from: Float32Array, into: Uint16Array): void {
  const bits = bitsOf(from)
  for (let i = 0; i < bits.length; i++) {
    const x = bits[i]!
    into[i] = (x & 0x7fffffff) > infinity ? (x >>> 16) | 0x40 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16
  }
}

const infinity = 0x7f800000 // float32's bits
const overflow = 0x477ff000 // 65520: halfway between float16's largest value and the next power of two
const smallestNormal = 0x38800000 // 2⁻¹⁴

/** The float16 nearest to the float32 of bits `x`. */
function float16Bits(x: number): number {
  const sign = (x >>> 16) & 0x8000
  const magnitude = x & 0x7fffffff
  if (magnitude > infinity) return sign | 0x7e00 | ((magnitude >>> 13) & 0x1ff)
  if (magnitude >= overflow) return sign | 0x7c00
  if (magnitude < smallestNormal) return sign | subnormalBits(magnitude)
  const rebiased = magnitude - ((127 - 15) << 23)
  return sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13)
}

/** A magnitude below 2⁻¹⁴ as the nearest multiple of float16's smallest step, 2⁻²⁴. */
function subnormalBits(magnitude: number): number {
  const shift = 126 - (magnitude >>> 23) //     significand · 2⁻ˢʰⁱᶠᵗ is the number of steps
  if (shift > 24) return 0 //                   less than half a step
  const significand = (magnitude & 0x7fffff) | 0x800000
  const steps = significand >>> shift
  const rest = significand & ((1 << shift) - 1)
  const half = 1 << (shift - 1)
  return steps + (rest > half || (rest === half && (steps & 1) === 1) ? 1 : 0)
}

let values: Float32Array | undefined

/** The value of each of the 65,536 float16 numbers, made at first use (256 KiB). */
function float16Values(): Float32Array {
  values ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => {
    const sign = half & 0x8000 ? -1 : 1
    const exponent = (half >>> 10) & 0x1f
    const fraction = half & 0x3ff
    if (exponent === 0x1f) return fraction ? NaN : sign * Infinity
    if (exponent === 0) return sign * fraction * 2 ** -24
    return sign * (1024 + fraction) * 2 ** (exponent - 25)
  })
  return values
}

function bitsOf(floats: Float32Array): Uint32Array {
  return new Uint32Array(floats.buffer, floats.byteOffset, floats.length)
}
