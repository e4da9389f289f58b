import { closeSync, openSync, writeSync } from 'node:fs'
import { makeAside } from '../files/index.js'
import { type Dtype, dtypes, tensorBytes } from './dtype.js'

/** A tensor to be written. `data` holds its elements as stored (half floats as bits), or makes them
 * piece by piece when their turn comes; a piece may be overwritten once the next one is asked for. */
export interface TensorToWrite {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly data: ArrayBufferView | (() => Iterable<ArrayBufferView>)
}

const alignment = 64 // of the first byte of data, in bytes
const largestWrite = 2 ** 30 // Node writes at most 2³¹ − 1 bytes at once

/**
 * Writes a safetensors file, whole or not at all. The same tensors give the same bytes: they are
 * ordered by size of element, largest first, then by name, so that each is aligned to its elements
 * (the format allows no gaps).
 *
 * @throws {UserError} the place can't be written, or the disk is full
 * @throws {Error} a name given twice, or data whose length is not ∏ shape × bytes an element
 */
export function writeSafetensors(
  path: string,
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const write = (temporary: string) => writeTensors(temporary, tensors, metadata)
  makeAside(path, write, 'make room or write to another place')
}

/** As `writeSafetensors`, straight to the file and with the operating system's own errors. */
export function writeTensors(
  path: string,
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const pieces = safetensorsPieces(tensors, metadata)
  const descriptor = openSync(path, 'w')
  try {
    for (const piece of pieces) writeFully(descriptor, piece)
  } finally {
    closeSync(descriptor)
  }
}

/** The bytes of such a file, one piece after the other. @throws {Error} as {@link writeSafetensors} */
export function safetensorsPieces(
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): Iterable<ArrayBufferView> {
  const ordered = [...tensors].sort(
    (a, b) => dtypes[b.dtype].bytes - dtypes[a.dtype].bytes || compare(a.name, b.name),
  )
  return piecesOf(headerBytes(ordered, metadata), ordered)
}

function* piecesOf(header: Uint8Array, ordered: readonly TensorToWrite[]): Generator<ArrayBufferView> {
  yield header
  for (const tensor of ordered) yield* dataOf(tensor)
}

/** Length, JSON and blanks up to the alignment. JSON is put together by hand since an object would
 * move names that look like numbers to the front. */
function headerBytes(
  ordered: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const names = new Set(['__metadata__'])
  const entries: string[] = []
  const keys = Object.keys(metadata).sort(compare)
  if (keys.length > 0)
    entries.push(`"__metadata__":{${keys.map((key) => pair(key, metadata[key])).join(',')}}`)
  let end = 0
  for (const { name, dtype, shape } of ordered) {
    if (names.has(name)) throw new Error(`two tensors are named ${name}`)
    names.add(name)
    const begin = end
    end += tensorBytes(dtype, shape)
    entries.push(pair(name, { dtype, shape, data_offsets: [begin, end] }))
  }
  const json = new TextEncoder().encode(`{${entries.join(',')}}`)
  const bytes = new Uint8Array(Math.ceil((8 + json.length) / alignment) * alignment).fill(0x20)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true)
  bytes.set(json, 8)
  return bytes
}

function* dataOf({ name, dtype, shape, data }: TensorToWrite): Generator<ArrayBufferView> {
  let written = 0
  for (const piece of typeof data === 'function' ? data() : [data]) {
    yield piece
    written += piece.byteLength
  }
  const expected = tensorBytes(dtype, shape)
  if (written !== expected)
    throw new Error(`tensor ${name} has ${written} bytes of data instead of ${expected}`)
}

function writeFully(descriptor: number, { buffer, byteOffset, byteLength }: ArrayBufferView): void {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength)
  for (let done = 0; done < bytes.length; ) {
    const rest = bytes.subarray(done, done + largestWrite)
    done += writeSync(descriptor, rest, 0, rest.length)
  }
}

function pair(key: string, value: unknown): string {
  return `${JSON.stringify(key)}:${JSON.stringify(value)}`
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
