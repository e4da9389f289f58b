/** The real disk, with one operation that fails, or a power cut at it. */
import { existsSync, truncateSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { type Disk, disk } from '../../src/files/index.js'

/** `once`: this operation alone fails. `from then on`: so do all later ones, and what was not forced to the disk is lost. */
export type Failing = 'once' | 'from then on'

export interface FailingDisk {
  readonly disk: Disk
  /** Operations so far, by name. */
  readonly done: readonly string[]
}

/** @param at the number of the operation, from 1 */
export function failingDisk(at: number, failing: Failing): FailingDisk {
  const done: string[] = []
  const paths = new WeakMap<FileHandle, string>()
  const unforced = new Set<string>()

  function fails(name: string): boolean {
    done.push(name)
    return done.length === at || (failing === 'from then on' && done.length > at)
  }
  function fail(name: string): never {
    if (failing === 'from then on' && done.length === at)
      for (const path of unforced) if (existsSync(path)) truncateSync(path, 0)
    throw Object.assign(new Error(`EIO: ${name}`), { code: 'EIO', syscall: name })
  }
  const guarded =
    <A extends unknown[], R>(name: string, operation: (...values: A) => Promise<R>) =>
    async (...values: A): Promise<R> =>
      fails(name) ? fail(name) : await operation(...values)

  return {
    done,
    disk: {
      ...(Object.fromEntries(
        Object.entries(disk).map(([name, operation]) => [
          name,
          guarded(name, operation as (...values: unknown[]) => Promise<unknown>),
        ]),
      ) as Disk),
      open: guarded('open', async (path, flags) => {
        const file = await disk.open(path, flags)
        paths.set(file, path)
        if (flags === 'w') unforced.add(path)
        return file
      }),
      /** Half of it arrives. */
      async write(file, bytes) {
        if (!fails('write')) return await disk.write(file, bytes)
        await disk.write(file, bytes.subarray(0, bytes.length >> 1))
        return fail('write')
      },
      sync: guarded('sync', async (file) => {
        await disk.sync(file)
        unforced.delete(paths.get(file)!)
      }),
      async close(file) {
        await disk.close(file)
        if (fails('close')) fail('close')
      },
      rename: guarded('rename', async (from, to) => {
        await disk.rename(from, to)
        for (const path of [...unforced].filter((path) => path.startsWith(from))) {
          unforced.delete(path)
          unforced.add(to + path.slice(from.length))
        }
      }),
    },
  }
}
