/** PyTorch's files as checkpoints. */
import { UserError } from '../../base/index.js'
import { dtypes, tensorBytes } from '../dtype.js'
import { openFile, type StableFile } from '../file.js'
import { damaged, refusePointer } from '../header.js'
import { type Checkpoint, checkpointOf, type StoredTensor, tiedNames } from '../stored.js'
import { type Content, readArchive } from './archive.js'
import { readLegacy } from './legacy.js'
import { findPart, type Part } from './state.js'
import { gather, isRowMajor, swapBytes } from './strided.js'
import { quoted, type TensorView } from './values.js'
import { checkSum, type StoredBytes } from './zip.js'

/** The tensors of one file of PyTorch's. */
export interface TorchFile extends Checkpoint {
  /** The keys that lead to them, joined by dots; empty where they lie at the top. */
  readonly part: string
  /** Names beside them that are no tensors. */
  readonly others: readonly string[]
}

/** Whether a file begins as PyTorch's do: as a zip file, or as a pickle. */
export function isTorchFile(path: string): boolean {
  const file = openFile(path)
  const start = beginning(file)
  return isZip(start) || isPickle(start)
}

/**
 * Opens a file of PyTorch's of any size: its pickle is read, by a reader that runs nothing of it, and each tensor by
 * byte range when it is asked for.
 *
 * @param options.part which of several sets of tensors, by its path
 * @throws {UserError} another file; what is not sound; a name that is no part of weights; several sets of tensors
 */
export function openTorch(path: string, { part: wanted }: { readonly part?: string } = {}): TorchFile {
  const file = openFile(path)
  const content = readContent(file)
  const part = findPart(content.root, path, wanted)
  const tensors = new Map([...part.tensors].map(([name, view]) => [name, placed(file, content, name, view)]))
  refuseRepetition(file, tensors)
  return { ...readerOf(file, content, part, tensors), part: part.path, others: part.others }
}

function readContent(file: StableFile): Content {
  const start = beginning(file)
  refusePointer(start, file.name)
  if (isZip(start)) return readArchive(file)
  if (isPickle(start)) return readLegacy(file)
  if (file.bytes === 0) throw damaged(file.name, 'is empty')
  throw new UserError(`${file.name}: is no checkpoint of PyTorch's: save it again with torch 1.6 or newer`)
}

const startBytes = 9

function beginning(file: StableFile): Uint8Array {
  const start = new Uint8Array(Math.min(startBytes, file.bytes))
  file.read(0, start)
  return start
}

/** What stands in a safetensors file behind 8 bytes that may be any. */
const isJson = (start: Uint8Array) => start[8] === 0x7b
const isZip = (start: Uint8Array) =>
  !isJson(start) && Buffer.from(start).toString('latin1').startsWith('PK\x03\x04')
/** The operation PROTO with 2 to 5. */
const isPickle = (start: Uint8Array) =>
  !isJson(start) && start[0] === 0x80 && [2, 3, 4, 5].includes(start[1] ?? 0)

function placed(file: StableFile, content: Content, name: string, view: TensorView): StoredTensor {
  const { storage, type, offset, shape, strides } = view
  if (type.dtype === undefined)
    throw new UserError(`${file.name}: tensor ${quoted(name)} is ${type.name}: save it as another type`)
  const { begin: storageBegin } = content.locate(storage.key, storage.wholeBytes)
  const empty = shape.includes(0)
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, offset)
  const begin = storageBegin + storage.begin + (empty ? 0 : offset * type.bytes)
  const end = empty ? begin : storageBegin + storage.begin + (last + 1) * type.bytes
  const layout = [
    ...(isRowMajor(shape, strides) ? [] : [`strides ${strides.join(', ')}`]),
    ...(content.bigEndian && type.bytes > 1 ? ['big-endian'] : []),
    ...(begin % type.bytes === 0 ? [] : ['unaligned']),
  ].join('; ')
  return { name, dtype: type.dtype, shape, begin, end, path: file.path, ...(layout === '' ? {} : { layout }) }
}

/** So much larger than its file may be what a file holds: views that overlap or repeat. */
const mostRepetition = { factor: 8, bytes: 2 ** 24 }

function refuseRepetition(file: StableFile, tensors: Checkpoint['tensors']): void {
  const tied = tiedNames(tensors)
  const own = [...tensors].filter(([name]) => !tied.has(name))
  const bytes = own.reduce((sum, [, { dtype, shape }]) => sum + tensorBytes(dtype, shape), 0)
  if (bytes > mostRepetition.factor * file.bytes + mostRepetition.bytes)
    throw damaged(file.name, `its tensors would take ${bytes} bytes, out of a file of ${file.bytes}`)
}

function readerOf(
  file: StableFile,
  content: Content,
  part: Part,
  tensors: Checkpoint['tensors'],
): Checkpoint {
  const sound = new Set<string>()
  const check = (key: string, place: StoredBytes) => {
    if (!sound.has(key)) checkSum(file, place, `storage ${quoted(key)}`)
    sound.add(key)
  }
  return checkpointOf(file, tensors, (tensor, from, into) => {
    const { storage, strides } = part.tensors.get(tensor.name)!
    check(storage.key, content.locate(storage.key, storage.wholeBytes))
    const element = dtypes[tensor.dtype].bytes
    if (isRowMajor(tensor.shape, strides)) file.read(tensor.begin + from, into)
    else {
      const source = new Uint8Array(tensor.end - tensor.begin)
      file.read(tensor.begin, source)
      gather(source, { shape: tensor.shape, strides, element }, from / element, into)
    }
    if (content.bigEndian) swapBytes(into, element)
  })
}
