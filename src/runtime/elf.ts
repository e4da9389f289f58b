/** Which libraries a Linux library asks for (ELF, 64 bits, little-endian: `man 5 elf`). */
import { closeSync, openSync, readSync } from 'node:fs'

const programHeaderBytes = 56
const segments = { load: 1, dynamic: 2 } as const
const tags = { needed: 1n, stringTable: 5n, stringBytes: 10n } as const

/** @returns their file names, in order; none where the file isn't such a library */
export function neededLibraries(path: string): readonly string[] {
  const fd = openSync(path, 'r')
  try {
    const read = (offset: number, bytes: number) => {
      const buffer = Buffer.alloc(bytes)
      return buffer.subarray(0, readSync(fd, buffer, 0, bytes, offset))
    }
    const header = read(0, 64)
    if (header.length < 64 || header.readUInt32BE(0) !== 0x7f454c46) return []
    const count = header.readUInt16LE(56)
    const table = read(Number(header.readBigUInt64LE(32)), count * programHeaderBytes)
    const headers = Array.from({ length: table.length / programHeaderBytes }, (_, i) => {
      const at = (offset: number) => Number(table.readBigUInt64LE(i * programHeaderBytes + offset))
      return {
        type: table.readUInt32LE(i * programHeaderBytes),
        offset: at(8),
        address: at(16),
        bytes: at(32),
      }
    })
    const dynamic = headers.find(({ type }) => type === segments.dynamic)
    if (!dynamic) return []
    const entries = read(dynamic.offset, dynamic.bytes)
    const values = (tag: bigint) =>
      Array.from({ length: entries.length / 16 }, (_, i) => i * 16)
        .filter((place) => entries.readBigInt64LE(place) === tag)
        .map((place) => Number(entries.readBigUInt64LE(place + 8)))
    const [address = 0] = values(tags.stringTable)
    const [bytes = 0] = values(tags.stringBytes)
    const holder = headers.find(
      (segment) =>
        segment.type === segments.load &&
        segment.address <= address &&
        address < segment.address + segment.bytes,
    )
    if (!holder) return []
    const names = read(address - holder.address + holder.offset, bytes)
    return values(tags.needed).map((place) => names.toString('utf8', place, names.indexOf(0, place)))
  } finally {
    closeSync(fd)
  }
}
