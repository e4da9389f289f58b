/**
 * The directory of a zip file, of any size (zip64), and where the bytes of its stored entries lie. Nothing is unpacked:
 * PyTorch stores what it reads.
 *
 * @see PKWARE's APPNOTE.TXT, 4.3 and 4.5.3
 */
import { crc32 } from 'node:zlib'
import { UserError } from '../../base/index.js'
import type { StableFile } from '../file.js'
import { damaged } from '../header.js'
import { quoted } from './values.js'

interface ZipEntry {
  readonly name: string
  /** Where its own header begins in the file, before its bytes. */
  readonly begin: number
  readonly bytes: number
  readonly packedBytes: number
  /** How it is packed; 0 is not at all. */
  readonly method: number
  readonly encrypted: boolean
  readonly crc: number
}

/** Bytes of the file: from `begin` on, with their checksum, which 0 says was not made. */
export interface StoredBytes {
  readonly begin: number
  readonly bytes: number
  readonly crc: number
}

export interface Zip {
  /** In the order of the directory. */
  readonly names: readonly string[]
  has(name: string): boolean
  /** @throws {UserError} no such entry, one that is packed or encrypted, or beyond the file */
  locate(name: string): StoredBytes
}

const endBytes = 22
const longestComment = 2 ** 16 - 1
const locatorBytes = 20
const end64Bytes = 56
const entryBytes = 46
const localBytes = 30
const directoryLimit = 2 ** 26 // bytes: some hundred thousand entries
const signatures = {
  local: 0x04034b50,
  entry: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator: 0x07064b50,
}
const saturated = { short: 0xffff, long: 0xffffffff } // the true value stands in a zip64 field

/** @throws {UserError} no zip file; one that is cut short; a directory that contradicts itself */
export function openZip(file: StableFile): Zip {
  const directory = findDirectory(file)
  if (directory.bytes > directoryLimit)
    throw damaged(file.name, `its directory takes ${directory.bytes} bytes, more than is read`)
  const entries = readEntries(file, directory)
  checkApart([...entries.values()], directory.begin, file)
  return {
    names: [...entries.keys()],
    has: (name) => entries.has(name),
    locate(name) {
      const entry = entries.get(name)
      if (!entry) throw damaged(file.name, `has no ${quoted(name)} inside`)
      return locate(file, entry, directory.begin)
    },
  }
}

interface Directory {
  readonly begin: number
  readonly bytes: number
  readonly count: number
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  new DataView(buffer, byteOffset, byteLength)

function readView(file: StableFile, position: number, bytes: number): DataView {
  const into = new Uint8Array(bytes)
  file.read(position, into)
  return viewOf(into)
}

/** It is named by a record at the file's end, behind which only a comment of known length may stand. */
function findDirectory(file: StableFile): Directory {
  const tailBytes = Math.min(file.bytes, endBytes + longestComment)
  const tail = readView(file, file.bytes - tailBytes, tailBytes)
  for (let at = tailBytes - endBytes; at >= 0; at--) {
    if (tail.getUint32(at, true) !== signatures.end) continue
    if (tail.getUint16(at + 20, true) !== tailBytes - endBytes - at) continue
    const end = file.bytes - tailBytes + at
    const [count, bytes, begin] = [
      tail.getUint16(at + 10, true),
      tail.getUint32(at + 12, true),
      tail.getUint32(at + 16, true),
    ]
    const large = count === saturated.short || bytes === saturated.long || begin === saturated.long
    const found = large ? findDirectory64(file, end, { begin, bytes, count }) : { begin, bytes, count }
    if (found.begin + found.bytes > end) throw damaged(file.name, 'its directory is not where the file says')
    return found
  }
  throw damaged(file.name, 'is cut short: it has no end of a zip file')
}

function findDirectory64(file: StableFile, end: number, small: Directory): Directory {
  if (end < locatorBytes) return small
  const locator = readView(file, end - locatorBytes, locatorBytes)
  if (locator.getUint32(0, true) !== signatures.locator) return small
  const position = Number(locator.getBigUint64(8, true))
  if (position + end64Bytes > end - locatorBytes)
    throw damaged(file.name, 'its directory is not where the file says')
  const record = readView(file, position, end64Bytes)
  if (record.getUint32(0, true) !== signatures.end64)
    throw damaged(file.name, 'its directory is not where the file says')
  return {
    count: Number(record.getBigUint64(32, true)),
    bytes: Number(record.getBigUint64(40, true)),
    begin: Number(record.getBigUint64(48, true)),
  }
}

function readEntries(file: StableFile, directory: Directory): ReadonlyMap<string, ZipEntry> {
  const bytes = new Uint8Array(directory.bytes)
  file.read(directory.begin, bytes)
  const view = viewOf(bytes)
  const entries = new Map<string, ZipEntry>()
  let at = 0
  while (at < bytes.length) {
    if (at + entryBytes > bytes.length || view.getUint32(at, true) !== signatures.entry)
      throw damaged(file.name, 'its directory is damaged')
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) =>
      view.getUint16(at + field, true),
    )
    const end = at + entryBytes + nameBytes! + extraBytes! + commentBytes!
    if (end > bytes.length) throw damaged(file.name, 'its directory is damaged')
    const extraBegin = at + entryBytes + nameBytes!
    const name = new TextDecoder().decode(bytes.subarray(at + entryBytes, extraBegin))
    if (entries.has(name)) throw damaged(file.name, `has ${quoted(name)} twice`)
    const [packedBytes, size, begin] = sizesOf(view, at, extraBegin, extraBegin + extraBytes!, file)
    entries.set(name, {
      ...{ name, begin, bytes: size, packedBytes },
      method: view.getUint16(at + 10, true),
      encrypted: (view.getUint16(at + 8, true) & 1) !== 0,
      crc: view.getUint32(at + 16, true),
    })
    at = end
  }
  if (entries.size !== directory.count)
    throw damaged(file.name, 'its directory has another length than it says')
  return entries
}

/** Packed size, size and place of an entry, those that don't fit from its zip64 field. */
function sizesOf(
  view: DataView,
  at: number,
  extraBegin: number,
  extraEnd: number,
  file: StableFile,
): readonly [packed: number, size: number, begin: number] {
  const large = largeField(view, extraBegin, extraEnd)
  const read = (field: number) => {
    const value = view.getUint32(at + field, true)
    if (value !== saturated.long || !large) return value
    if (large.at + 8 > large.end) throw damaged(file.name, 'its directory is damaged')
    large.at += 8
    return Number(view.getBigUint64(large.at - 8, true))
  }
  const size = read(24) // the order of the zip64 field
  const packed = read(20)
  return [packed, size, read(42)]
}

function largeField(
  view: DataView,
  begin: number,
  end: number,
): { at: number; readonly end: number } | undefined {
  for (let at = begin; at + 4 <= end; ) {
    const next = at + 4 + view.getUint16(at + 2, true)
    if (view.getUint16(at, true) === 1) return { at: at + 4, end: Math.min(next, end) }
    at = next
  }
  return undefined
}

/** No entry reaches into another or the directory: each byte of the file counts once. */
function checkApart(entries: readonly ZipEntry[], limit: number, file: StableFile): void {
  const sorted = entries.toSorted((a, b) => a.begin - b.begin)
  sorted.forEach((entry, i) => {
    const end = entry.begin + localBytes + entry.packedBytes
    const next = sorted[i + 1]?.begin ?? limit
    if (!(end <= next)) throw damaged(file.name, `${quoted(entry.name)} inside it reaches into what follows`)
  })
}

function locate(file: StableFile, entry: ZipEntry, limit: number): StoredBytes {
  const { name, bytes, packedBytes, method, encrypted, crc } = entry
  if (encrypted || method !== 0)
    throw new UserError(
      `${file.name}: ${quoted(name)} inside it is ${encrypted ? 'encrypted' : 'compressed'}, which PyTorch's own files ` +
        'never are: save it again with torch.save',
    )
  const local = readView(file, entry.begin, localBytes)
  const begin = entry.begin + localBytes + local.getUint16(26, true) + local.getUint16(28, true)
  if (local.getUint32(0, true) !== signatures.local || bytes !== packedBytes || begin + bytes > limit)
    throw damaged(file.name, `${quoted(name)} inside it is not where its directory says`)
  return { begin, bytes, crc }
}

const chunkBytes = 2 ** 22

/** Reads bytes once to see that they are what was written. @throws {UserError} they are not */
export function checkSum(file: StableFile, { begin, bytes, crc }: StoredBytes, what: string): void {
  if (crc === 0) return
  const chunk = new Uint8Array(Math.min(chunkBytes, bytes))
  let sum = 0
  for (let at = 0; at < bytes; at += chunk.length) {
    const part = chunk.subarray(0, Math.min(chunk.length, bytes - at))
    file.read(begin + at, part)
    sum = crc32(part, sum)
  }
  if (sum !== crc) throw damaged(file.name, `the checksum of ${what} is wrong`)
}
