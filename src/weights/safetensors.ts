import { constants } from 'node:buffer'
import { closeSync, fstatSync, openSync, readSync, realpathSync } from 'node:fs'
import { humanBytes, nearest, UserError } from '../base/index.js'
import { type Dtype, dtypes, type TensorData } from './dtype.js'
import { bfloat16ToFloat32, float16ToFloat32 } from './halves.js'
import { damaged, headerLength, prefixBytes, readHeader, type Span } from './header.js'

/** A tensor and where its bytes lie: from `begin` to `end` of the file `path` (symlinks resolved). */
export interface StoredTensor extends Span {
  readonly path: string
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
   * valid until the next one is taken. */
  float32Chunks(name: string): Iterable<Float32Array>
}

/** One safetensors file. */
export interface SafetensorsFile extends Checkpoint {
  readonly metadata: Readonly<Record<string, string>>
}

const chunkBytes = 2 ** 24
const largestRead = 2 ** 30 // Node reads at most 2³¹ − 1 bytes at once

/**
 * Opens a safetensors file of any size: the header is read and checked, data only when asked for, by
 * byte range. Nothing stays open.
 *
 * @throws {UserError} no such file, or what `readHeader` finds
 */
export function openSafetensors(path: string): SafetensorsFile {
  const real = resolve(path)
  const { header, stamp } = withFile(path, real, (descriptor) => {
    const { size, mtimeMs } = fstatSync(descriptor)
    const start = new Uint8Array(prefixBytes)
    if (size >= prefixBytes) readExactly(descriptor, start, 0, path)
    const bytes = new Uint8Array(prefixBytes + headerLength(start, size, path))
    readExactly(descriptor, bytes, 0, path)
    return { header: readHeader(bytes, size, path), stamp: { size, mtimeMs } }
  })
  const tensors = new Map(header.spans.map((span) => [span.name, { ...span, path: real }]))
  const files = [real]

  /** Calls `use` with the open file, if it is still the one whose header was read. */
  function withUnchanged<T>(use: (descriptor: number) => T): T {
    return withFile(path, real, (descriptor) => {
      const now = fstatSync(descriptor)
      if (now.size !== stamp.size || now.mtimeMs !== stamp.mtimeMs)
        throw new UserError(`${path}: was changed while it was in use: start again`)
      return use(descriptor)
    })
  }

  function read(name: string): TensorData {
    const { dtype, begin, end } = find(tensors, files, name)
    const data = allocate(name, dtype, end - begin)
    withUnchanged((descriptor) => readExactly(descriptor, bytesOf(data), begin, path))
    return data
  }

  function* float32Chunks(name: string): Generator<Float32Array> {
    const { dtype, begin, end } = find(tensors, files, name)
    const widen = widening(path, name, dtype)
    const buffer = new Uint8Array(Math.min(chunkBytes, end - begin))
    const widened = new Float32Array(buffer.length / dtypes[dtype].bytes)
    for (let at = begin; at < end; at += chunkBytes) {
      const bytes = buffer.subarray(0, Math.min(chunkBytes, end - at))
      withUnchanged((descriptor) => readExactly(descriptor, bytes, at, path))
      const chunk = widened.subarray(0, bytes.length / dtypes[dtype].bytes)
      widen(bytes, chunk)
      yield chunk
    }
  }

  function readFloat32(name: string): Float32Array {
    const { dtype, begin, end } = find(tensors, files, name)
    if (dtype === 'F32') return read(name) as Float32Array
    const floats = allocate(name, 'F32', ((end - begin) / dtypes[dtype].bytes) * 4) as Float32Array
    let at = 0
    for (const chunk of float32Chunks(name)) {
      floats.set(chunk, at)
      at += chunk.length
    }
    return floats
  }

  return { tensors, files, metadata: header.metadata, read, readFloat32, float32Chunks }
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

function bytesOf(data: TensorData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

function resolve(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    throw new UserError(`${path}: there is no such file: check the path`)
  }
}

/** @param path the name that errors give to `real` */
function withFile<T>(path: string, real: string, use: (descriptor: number) => T): T {
  let descriptor: number
  try {
    descriptor = openSync(real, 'r')
    if (fstatSync(descriptor).isDirectory()) {
      closeSync(descriptor)
      throw new UserError(`${path}: is a folder: give a .safetensors file`)
    }
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(
      `${path}: cannot be opened (${(error as Error).message}): check the path and its rights`,
    )
  }
  try {
    return use(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function readExactly(descriptor: number, into: Uint8Array, position: number, file: string): void {
  for (let done = 0; done < into.length; ) {
    const wanted = into.subarray(done, done + largestRead)
    const count = readSync(descriptor, wanted, 0, wanted.length, position + done)
    if (count === 0) throw damaged(file, `is cut short at byte ${position + done}`)
    done += count
  }
}
