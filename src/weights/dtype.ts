/**
 * Element types of the safetensors format, with bytes an element and the typed array that holds
 * them as stored: half floats stay bits, booleans are bytes 0 and 1. Files are little-endian, and so
 * is every platform that ONNX Runtime's Node package is built for.
 */
export const dtypes = {
  F64: { bytes: 8, array: Float64Array },
  F32: { bytes: 4, array: Float32Array },
  F16: { bytes: 2, array: Uint16Array },
  BF16: { bytes: 2, array: Uint16Array },
  I64: { bytes: 8, array: BigInt64Array },
  I32: { bytes: 4, array: Int32Array },
  I16: { bytes: 2, array: Int16Array },
  I8: { bytes: 1, array: Int8Array },
  U64: { bytes: 8, array: BigUint64Array },
  U32: { bytes: 4, array: Uint32Array },
  U16: { bytes: 2, array: Uint16Array },
  U8: { bytes: 1, array: Uint8Array },
  BOOL: { bytes: 1, array: Uint8Array },
} as const

/** The name of an element type, as a safetensors header writes it. */
export type Dtype = keyof typeof dtypes

/** Any typed array that a tensor is read into. */
export type TensorData = InstanceType<(typeof dtypes)[Dtype]['array']>

export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(dtypes, name)
}

/** Bytes of a tensor: ∏ shape × bytes an element. A scalar has shape `[]`. */
export function tensorBytes(dtype: Dtype, shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, dtypes[dtype].bytes)
}
