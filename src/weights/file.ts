import { closeSync, fstatSync, openSync, readSync, realpathSync } from 'node:fs'
import { UserError } from '../base/index.js'
import { damaged } from './header.js'

/** A file that is read piece by piece, as long as it stays what it was. Nothing stays open. */
export interface StableFile {
  /** The name that errors give it. */
  readonly name: string
  /** Its path without symbolic links. */
  readonly path: string
  readonly bytes: number
  /**
   * Fills `into` with what lies at that byte of the file.
   * @throws {UserError} the file changed since it was opened, or ends before
   */
  read(position: number, into: Uint8Array): void
}

const largestRead = 2 ** 30 // Node reads at most 2³¹ − 1 bytes at once

/** @throws {UserError} no such file, or one that can't be opened */
export function openFile(name: string): StableFile {
  const path = resolve(name)
  const { size, mtimeMs } = withFile(name, path, (descriptor) => fstatSync(descriptor))
  return {
    ...{ name, path, bytes: size },
    read: (position, into) =>
      withFile(name, path, (descriptor) => {
        const now = fstatSync(descriptor)
        if (now.size !== size || now.mtimeMs !== mtimeMs)
          throw new UserError(`${name}: was changed while it was in use: start again`)
        readExactly(descriptor, into, position, name)
      }),
  }
}

function resolve(name: string): string {
  try {
    return realpathSync(name)
  } catch {
    throw new UserError(`${name}: there is no such file: check the path`)
  }
}

function withFile<T>(name: string, path: string, use: (descriptor: number) => T): T {
  let descriptor: number
  try {
    descriptor = openSync(path, 'r')
    if (fstatSync(descriptor).isDirectory()) {
      closeSync(descriptor)
      throw new UserError(`${name}: is a folder: give a file of weights`)
    }
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(
      `${name}: cannot be opened (${(error as Error).message}): check the path and its rights`,
    )
  }
  try {
    return use(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function readExactly(descriptor: number, into: Uint8Array, position: number, name: string): void {
  for (let done = 0; done < into.length; ) {
    const wanted = into.subarray(done, done + largestRead)
    const count = readSync(descriptor, wanted, 0, wanted.length, position + done)
    if (count === 0) throw damaged(name, `is cut short at byte ${position + done}`)
    done += count
  }
}
