import { constants } from 'node:buffer'
import { humanBytes, nearest, UserError } from '../base/index.js'
import { type Dtype, dtypes, type TensorData, tensorBytes } from './dtype.js'
import { bfloat16ToFloat32, float16ToFloat32 } from './halves.js'
import type { Span } from './header.js'

/** A tensor and where its bytes lie: from `begin` to `end` of the file `path` (symlinks resolved). */
export interface StoredTensor extends Span {
  readonly path: string
  /**
   * How its elements lie between `begin` and `end`, where that is not row-major, little-endian and aligned: such a
   * tensor can be read, but not mapped.
   */
  readonly layout?: string
}

/** Tensors by name, read when they are asked for. */
export interface Checkpoint {
  readonly tensors: ReadonlyMap<string, StoredTensor>
  /** Real paths of the files that the tensors lie in. */
  readonly files: readonly string[]
  /**
   * A tensor as it is stored; half floats as their bits.
   * @throws {UserError} no such tensor; the file changed since it was opened; more than Node can hold
   */
  read(name: string): TensorData
  /** A tensor of F32, F16, BF16 or F64 as float32. @throws {UserError} as `read`, or another dtype */
  readFloat32(name: string): Float32Array
  /** The same, a piece after the other, for tensors that shall not be in memory as a whole. A piece is
   * valid until the next one is taken.
   * @param most elements of a piece at most, where the tensor lies in order */
  float32Chunks(name: string, most?: number): Iterable<Float32Array>
}

const chunkElements = 2 ** 22

/**
 * A checkpoint over the tensors of one file.
 *
 * @param name what errors call the file
 * @param fill puts a tensor's bytes (row-major, little-endian), from byte `from` of the tensor on, into `into`; `from`
 *   is a multiple of the element's size
 */
export function checkpointOf<T extends StoredTensor>(
  { name: file, path }: { readonly name: string; readonly path: string },
  tensors: ReadonlyMap<string, T>,
  fill: (tensor: T, from: number, into: Uint8Array) => void,
): Checkpoint {
  const files = [path]

  function read(name: string): TensorData {
    const tensor = find(tensors, files, name)
    const data = allocate(name, tensor.dtype, tensorBytes(tensor.dtype, tensor.shape))
    fill(tensor, 0, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    return data
  }

  function* float32Chunks(name: string, most = chunkElements): Generator<Float32Array> {
    const tensor = find(tensors, files, name)
    const { bytes: element } = dtypes[tensor.dtype]
    const widen = widening(file, name, tensor.dtype)
    const total = tensorBytes(tensor.dtype, tensor.shape)
    const buffer = new Uint8Array(Math.min(tensor.layout === undefined ? most * element : total, total))
    const widened = new Float32Array(buffer.length / element)
    for (let at = 0; at < total; at += buffer.length) {
      const bytes = buffer.subarray(0, Math.min(buffer.length, total - at))
      fill(tensor, at, bytes)
      const chunk = widened.subarray(0, bytes.length / element)
      widen(bytes, chunk)
      yield chunk
    }
  }

  function readFloat32(name: string): Float32Array {
    const { dtype, shape } = find(tensors, files, name)
    if (dtype === 'F32') return read(name) as Float32Array
    const floats = allocate(name, 'F32', tensorBytes('F32', shape)) as Float32Array
    let at = 0
    for (const chunk of float32Chunks(name)) {
      floats.set(chunk, at)
      at += chunk.length
    }
    return floats
  }

  return { tensors, files, read, readFloat32, float32Chunks }
}

/** The tensor of that name. @throws {UserError} there is none; the nearest name is given */
export function find<T>(tensors: ReadonlyMap<string, T>, files: readonly string[], name: string): T {
  const tensor = tensors.get(name)
  if (tensor) return tensor
  const near = nearest(name, [...tensors.keys()])
  const more = files.length > 1 ? ` and ${files.length - 1} more` : ''
  throw new UserError(
    `${files[0] ?? 'an empty checkpoint'}${more}: has no tensor "${name}"` +
      `${near ? `; the nearest is "${near}"` : ''}: is it a checkpoint of this model?`,
  )
}

/** How bytes of this dtype become float32. */
function widening(file: string, name: string, dtype: Dtype): (from: Uint8Array, into: Float32Array) => void {
  switch (dtype) {
    case 'F32':
      return (from, into) => into.set(new Float32Array(from.buffer, from.byteOffset, into.length))
    case 'F64':
      return (from, into) => into.set(new Float64Array(from.buffer, from.byteOffset, into.length))
    case 'F16':
      return (from, into) =>
        float16ToFloat32(new Uint16Array(from.buffer, from.byteOffset, into.length), into)
    case 'BF16':
      return (from, into) =>
        bfloat16ToFloat32(new Uint16Array(from.buffer, from.byteOffset, into.length), into)
    default:
      throw new UserError(`${file}: tensor "${name}" is ${dtype}: save it as F32, F16, BF16 or F64`)
  }
}

function allocate(name: string, dtype: Dtype, bytes: number): TensorData {
  if (bytes > constants.MAX_LENGTH)
    throw new UserError(
      `tensor "${name}" takes ${humanBytes(bytes)}, more than this Node can hold at once: use a newer Node`,
    )
  return new dtypes[dtype].array(bytes / dtypes[dtype].bytes)
}

/**
 * Names by the name under which the same bytes stand first: tensors that are tied, as a token table and a head that
 * share their weights.
 */
export function tiedNames(tensors: Checkpoint['tensors']): ReadonlyMap<string, string> {
  const firsts = new Map<string, string>()
  const tied = new Map<string, string>()
  for (const [name, { path, begin, end, dtype, shape, layout }] of tensors) {
    const place = JSON.stringify([path, begin, end, dtype, shape, layout])
    const first = firsts.get(place)
    if (first === undefined) firsts.set(place, name)
    else if (begin < end) tied.set(name, first)
  }
  return tied
}

/** A checkpoint's tensors under other names. @param originals each new name's own one */
export function renamed(checkpoint: Checkpoint, originals: ReadonlyMap<string, string>): Checkpoint {
  const original = (name: string) => originals.get(name) ?? name
  return {
    files: checkpoint.files,
    tensors: new Map([...originals].map(([to, name]) => [to, checkpoint.tensors.get(name)!])),
    read: (name) => checkpoint.read(original(name)),
    readFloat32: (name) => checkpoint.readFloat32(original(name)),
    float32Chunks: (name, most) => checkpoint.float32Chunks(original(name), most),
  }
}
