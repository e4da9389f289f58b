/** The file that the workers of one machine map: nobody but them sees it, and it is gone when they are. */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '../../base/index.js'
import { nameAside } from '../../files/index.js'
import { canMap, memoryFolder } from '../../runtime/index.js'
import { controlBytes } from './sharedControl.js'

/** What a parent makes before it starts its workers. */
export interface SharedFile {
  /**
   * What every worker inherits, in this order: the file that they meet in, then one to take where that has no room.
   * No folder knows them any more.
   */
  readonly fds: readonly number[]
  /** A slower way that was taken, in one line. */
  readonly note?: string
  /** Idempotent; the workers' own descriptors stay. */
  close(): void
}

/**
 * Makes room for what workers tell one another; room for gradients they make themselves.
 *
 * @param size how many workers there will be
 * @param folders where to try, the fastest first
 * @throws {UserError} no folder has room, or this platform maps no files
 */
export function createSharedFile(size: number, folders: readonly string[] = sharedFolders()): SharedFile {
  if (!canMap)
    throw new UserError('several workers need files that can be mapped, which is not written for Windows yet')
  const files = folders.flatMap((folder) => {
    const fd = openUnseen(folder)
    return fd === undefined ? [] : [{ folder, fd }]
  })
  const close = () => {
    for (const { fd } of files.splice(0)) closeSync(fd)
  }
  while (files.length > 0 && !reserve(files[0]!.fd, 0, controlBytes(size))) closeSync(files.shift()!.fd)
  const [first] = files
  if (!first) {
    throw new UserError(
      `${folders.join(' and ')} can't be written or have no room for what workers share: make room, or name another ` +
        'folder with TMPDIR',
    )
  }
  return {
    fds: files.map(({ fd }) => fd),
    ...(first.folder === folders[0]
      ? {}
      : { note: `${folders[0]} can't be used: workers share a file in ${first.folder}, which is slower` }),
    close,
  }
}

const sharedFolders = (): readonly string[] =>
  process.platform === 'linux' ? [memoryFolder, tmpdir()] : [tmpdir()]

/** A new file that no folder knows, for reading and writing. */
function openUnseen(folder: string): number | undefined {
  const path = nameAside(join(folder, 'vl-lst'))
  try {
    const fd = openSync(path, 'wx+', 0o600)
    rmSync(path)
    return fd
  } catch {
    return undefined
  }
}

const zeros = new Uint8Array(2 ** 20)

/**
 * Fills a stretch of a file with zeros, so that there is room for it: a page that a full disk has no room for would kill
 * whoever writes into the mapping.
 *
 * @returns whether there is room
 */
export function reserve(fd: number, begin: number, bytes: number): boolean {
  try {
    for (
      let at = 0;
      at < bytes;
      at += writeSync(fd, zeros, 0, Math.min(zeros.length, bytes - at), begin + at)
    );
    return true
  } catch {
    return false
  }
}
