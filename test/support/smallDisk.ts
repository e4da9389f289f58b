/** A disk that can be full. */
import { execFileSync } from 'node:child_process'
import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { folderOfFile } from './weights.js'

export interface SmallDisk {
  readonly path: string
  /** Leaves `bytes` free, rounded down to whole blocks. @returns gives the rest back */
  fill(bytes: number): () => void
}

/**
 * A tmpfs of `kib` KiB, gone after the tests of the file. `undefined` where this user may not mount one: skip what
 * needs it.
 *
 * @throws {Error} it can't be mounted, and VL_LST_STRICT=1 allows no skips
 */
export function smallDisk(kib: number): SmallDisk | undefined {
  const path = folderOfFile()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', path], { stdio: 'pipe' })
  } catch (error) {
    if (process.env.VL_LST_STRICT === '1') throw error
    return undefined
  }
  afterAll(() => void execFileSync('umount', ['--lazy', path]))
  const filler = join(path, 'filler')
  return {
    path,
    fill(bytes) {
      const { bavail, bsize } = statfsSync(path)
      writeFileSync(filler, Buffer.alloc(Math.max(0, (bavail - Math.floor(bytes / bsize)) * bsize)))
      return () => rmSync(filler)
    },
  }
}
