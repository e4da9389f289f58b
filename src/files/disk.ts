/** Writing beside other work: in small pieces, hashed on the way, by a table of operations that can be wrapped. */
import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, rm, rmdir, symlink } from 'node:fs/promises'
import { cannotSync } from './aside.js'

/** All that a checkpoint does to a disk. Tests make each of it fail. */
export const disk = {
  open: (path: string, flags: 'r' | 'r+' | 'w') => open(path, flags),
  write: async (file: FileHandle, bytes: Uint8Array) => (await file.write(bytes)).bytesWritten,
  sync: (file: FileHandle) => file.sync(),
  close: (file: FileHandle) => file.close(),
  rename: (from: string, to: string) => rename(from, to),
  /** A file, a link, or a folder with what is in it; it need not be there. */
  remove: (path: string) => rm(path, { recursive: true, force: true }),
  makeFolder: async (path: string) => void (await mkdir(path)),
  /** An empty one. */
  removeFolder: (path: string) => rmdir(path),
  link: (target: string, path: string) => symlink(target, path, 'dir'),
}

export type Disk = typeof disk

/** What is hashed at once: 1.4 ms, for which the event loop waits. */
export const pieceBytes = 2 ** 18

/**
 * Writes a file and forces it to the disk.
 *
 * @param pieces one is read before the next is asked for, and at once where it has at most {@link pieceBytes}: nothing
 *   else happens between its making and its reading
 * @returns SHA-256 of what was given
 */
export async function writeHashed(
  { open, write, sync, close }: Disk,
  path: string,
  pieces: Iterable<ArrayBufferView>,
): Promise<string> {
  const hash = createHash('sha256')
  const buffer = new Uint8Array(2 * pieceBytes)
  let filled = 0
  const file = await open(path, 'w')
  const flush = async () => {
    const bytes = buffer.subarray(0, filled)
    const written = writeAll(write, file, bytes)
    hash.update(bytes) // while it is written
    await written
    filled = 0
  }
  try {
    for (const { buffer: memory, byteOffset, byteLength } of pieces) {
      for (let at = 0; at < byteLength; at += pieceBytes) {
        const bytes = new Uint8Array(memory, byteOffset + at, Math.min(pieceBytes, byteLength - at))
        buffer.set(bytes, filled)
        filled += bytes.length
        if (filled >= pieceBytes) await flush()
      }
    }
    if (filled > 0) await flush()
    await sync(file)
  } finally {
    await close(file)
  }
  return hash.digest('hex')
}

async function writeAll(write: Disk['write'], file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += await write(file, bytes.subarray(done))
}

/** Forces what was written under a name to the disk, or the names in a folder, where the platform can. */
export async function forceToDisk({ open, sync, close }: Disk, path: string): Promise<void> {
  try {
    const file = await open(path, 'r')
    try {
      await sync(file)
    } finally {
      await close(file)
    }
  } catch (error) {
    if (!cannotSync(error)) throw error
  }
}
