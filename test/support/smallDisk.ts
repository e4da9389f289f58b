/** A disk that can be full. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished, type TestContext } from 'vitest'

export interface SmallDisk {
  readonly path: string
  /** Leaves `bytes` free, rounded down to whole blocks. @returns gives the rest back */
  fill(bytes: number): () => void
}

/**
 * A tmpfs of `kib` KiB, gone after the test. Where this user may not mount one, the test is skipped.
 *
 * @throws {Error} it can't be mounted, and VL_LST_STRICT=1 allows no skips
 */
export function smallDisk(kib: number, context: TestContext): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'vl-lst-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', path], { stdio: 'pipe' })
  } catch (error) {
    rmdirSync(path)
    if (process.env.VL_LST_STRICT === '1') throw error
    return context.skip('this user can’t mount a tmpfs')
  }
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', path])
    rmdirSync(path)
  })
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
