/**
 * Compiles src, vl and datasets into dist: `node scripts/build.mjs`.
 *
 * Called by `npm ci` (prepare), by `npx vl-lst`'s first call and before the tests, sometimes at
 * once: it does nothing when dist is newer than every source, and otherwise compiles aside and
 * swaps the finished folder in.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const sources = ['src', 'vl', 'datasets', 'package.json', 'tsconfig.json']
const dist = join(root, 'dist')
const stamp = join(dist, '.built')

/** Newest change below `path`, in milliseconds; folders count, so that a deleted file is noticed. */
function newest(path) {
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.mtimeMs
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))))
}

const changed = Math.max(...sources.map((name) => newest(join(root, name))))
if (!existsSync(stamp) || statSync(stamp).mtimeMs < changed) {
  const require = createRequire(import.meta.url)
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc')
  const aside = mkdtempSync(join(root, '.build-'))
  try {
    execFileSync(process.execPath, [tsc, '--project', join(root, 'tsconfig.json'), '--outDir', aside], {
      stdio: 'inherit',
    })
    writeFileSync(join(aside, '.built'), '')
    const old = `${aside}-old`
    if (existsSync(dist)) renameSync(dist, old)
    renameSync(aside, dist)
    rmSync(old, { recursive: true, force: true })
  } catch (error) {
    rmSync(aside, { recursive: true, force: true })
    if (!existsSync(stamp)) {
      process.stderr.write(`build: ${error instanceof Error ? error.message : error}\n`)
      process.exitCode = 1
    }
  }
}
