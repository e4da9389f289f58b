import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const shared = process.env.VL_LST_SHARED ?? '../shared'

const arrays = { F32: Float32Array, I64: BigInt64Array }

/** A tensor of a recorded case, by the smallest reader that will do. */
export function tensorOf(path: string, name: string): { shape: number[]; data: Float32Array } {
  const bytes = readFileSync(join(shared, 'parity', path, 'tensors.safetensors'))
  const headerBytes = Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerBytes))
  const { dtype, shape, data_offsets } = header[name]
  const [begin, end] = data_offsets.map((offset: number) => offset + 8 + headerBytes)
  const data = new arrays[dtype as keyof typeof arrays](new Uint8Array(bytes.subarray(begin, end)).buffer)
  return { shape, data: Float32Array.from(data as Iterable<number | bigint>, Number) }
}
