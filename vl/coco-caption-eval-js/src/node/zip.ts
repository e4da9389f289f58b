/** The entries of a zip file (APPNOTE.TXT §4.3): enough of it for METEOR's program file. */
import { readFileSync } from 'node:fs'
import { inflateRawSync } from 'node:zlib'
import { CaptionError } from '../errors.js'

export interface ZipEntry {
  readonly name: string
  /** Unpacked, in bytes. */
  readonly size: number
  readonly packed: Uint8Array
  readonly unpack: (packed: Uint8Array) => Uint8Array
}

const endOfDirectory = 0x06054b50
const directoryEntry = 0x02014b50
const deflated = 8

/** @throws {CaptionError} it is no zip file, or cut off */
export function readZip(file: string): ZipEntry[] {
  const bytes = readFileSync(file)
  try {
    return entriesOf(bytes)
  } catch {
    throw new CaptionError(`${file} is cut off or damaged: copy it again`)
  }
}

function entriesOf(bytes: Buffer): ZipEntry[] {
  const end = bytes.lastIndexOf(Buffer.from(Uint32Array.of(endOfDirectory).buffer))
  const count = bytes.readUInt16LE(end + 10)
  const entries: ZipEntry[] = []
  let at = bytes.readUInt32LE(end + 16)
  for (let i = 0; i < count; i++) {
    if (bytes.readUInt32LE(at) !== directoryEntry) throw new Error('no entry')
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) =>
      bytes.readUInt16LE(at + offset),
    )
    const local = bytes.readUInt32LE(at + 42)
    const begin = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28)
    entries.push({
      name: bytes.toString('utf8', at + 46, at + 46 + nameLength!),
      size: bytes.readUInt32LE(at + 24),
      packed: bytes.subarray(begin, begin + bytes.readUInt32LE(at + 20)),
      unpack: bytes.readUInt16LE(at + 10) === deflated ? inflateRawSync : (packed) => packed,
    })
    at += 46 + nameLength! + extraLength! + commentLength!
  }
  return entries
}
