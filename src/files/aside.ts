import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { UserError } from '../base/index.js'

/**
 * Makes a file that is either whole or not there: written under a temporary name in the same folder,
 * forced to the disk, renamed. What stood there before is replaced only by the whole new file.
 *
 * @param write writes everything to the path that it is given
 * @param mend what to do when the disk is full or the place can't be written, as errors say it
 * @param place {@link replace} or {@link keepFirst}
 * @throws {UserError} it can't be written; the temporary file is removed
 */
export function makeAside(
  file: string,
  write: (temporary: string) => void,
  mend: string,
  place = replace,
): void {
  const temporary = nameAside(file)
  try {
    write(temporary)
    place(temporary, file)
  } catch (error) {
    if (existsSync(temporary)) rmSync(temporary)
    throw cannotWrite(error, file, mend)
  }
}

/** As {@link makeAside}, for what takes longer to make. */
export async function makeAsideSlowly(
  file: string,
  write: (temporary: string) => Promise<void>,
  mend: string,
  place = replace,
): Promise<void> {
  const temporary = nameAside(file)
  try {
    await write(temporary)
    place(temporary, file)
  } catch (error) {
    if (existsSync(temporary)) rmSync(temporary)
    throw cannotWrite(error, file, mend)
  }
}

/** A temporary name beside a file or folder, which says whose it is. */
export const nameAside = (file: string): string =>
  `${file}.${process.pid}-${randomBytes(6).toString('hex')}.tmp`

/** Puts a finished file in place of what stands there. */
function replace(temporary: string, file: string): void {
  force(temporary, 'r+')
  renameSync(temporary, file)
  syncFolder(dirname(file))
}

/** Puts a finished file in place unless another stands there by now, which may be in use. */
export function keepFirst(temporary: string, file: string): void {
  force(temporary, 'r+')
  try {
    linkSync(temporary, file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST') renameSync(temporary, file) // no links on this file system
  }
  rmSync(temporary, { force: true })
  syncFolder(dirname(file))
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'something else has its place',
  EFBIG: 'the file system takes no file so large',
  EIO: 'the drive reports an error',
  EISDIR: 'a folder has its place',
  ENOENT: 'its folder does not exist',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a file has the place of its folder',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
}

/** The operating system's error as one that says which file and what to do; another one as it is. */
export function cannotWrite(error: unknown, file: string, mend: string): unknown {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return error
  const reason = reasons[String(error.code)] ?? error.message
  return new UserError(`${file}: cannot be written (${reason}): ${mend}`)
}

function force(path: string, flags: 'r' | 'r+'): void {
  const descriptor = openSync(path, flags)
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** So that the new name outlasts a power failure, where the platform can do it for folders at all. */
export function syncFolder(folder: string): void {
  try {
    force(folder, 'r')
  } catch (error) {
    if (!cannotSync(error)) throw error
  }
}

/** Whether syncing is what this place can't do: folders on Windows and some network drives, devices. */
export function cannotSync(error: unknown): boolean {
  const unable = ['EACCES', 'EINVAL', 'EISDIR', 'ENOTSUP', 'EPERM']
  return unable.includes(String((error as NodeJS.ErrnoException).code))
}

/**
 * A folder, with those above it, made one level at a time: Node's own recursive way never returns where a level can't
 * be made below /proc.
 */
export function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    if (!existsSync(path)) throw error // made meanwhile by another process
  }
}

/** A small file that is whole or not there. @throws {UserError} it can't be written */
export function writeWhole(file: string, content: string | Uint8Array, mend: string): void {
  makeAside(file, (temporary) => writeFileSync(temporary, content), mend)
}
