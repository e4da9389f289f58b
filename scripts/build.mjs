/**
 * Compiles src, vl and datasets into dist: `node scripts/build.mjs`.
 *
 * Called by `npm ci` (prepare), by `npx vl-lst`'s first call and before the tests, sometimes at
 * once: it does nothing when dist is newer than every source, and otherwise compiles aside and
 * swaps the finished folder in.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const sources = ['src', 'vl', 'datasets', 'package.json', 'tsconfig.json']
const dist = join(root, 'dist')
const stamp = '.built'

/** Newest change below `path`, in milliseconds; folders count, so that a deleted file is noticed. */
function newest(path) {
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.mtimeMs
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))))
}

function isFresh() {
  const built = join(dist, stamp)
  return (
    existsSync(built) &&
    statSync(built).mtimeMs >= Math.max(...sources.map((name) => newest(join(root, name))))
  )
}

/** @returns whether it compiled; the compiler has said what did not */
function compile(folder) {
  const require = createRequire(import.meta.url)
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc')
  const words = [tsc, '--project', join(root, 'tsconfig.json'), '--outDir', folder]
  return spawnSync(process.execPath, words, { stdio: 'inherit' }).status === 0
}

/** Puts the finished folder in dist's place. Another build may do the same at this moment: then once more. */
function swapIn(folder, old) {
  for (let triesLeft = 10; ; triesLeft--) {
    try {
      if (existsSync(dist)) renameSync(dist, old)
      renameSync(folder, dist)
      return
    } catch (error) {
      if (triesLeft === 0) throw error
      rmSync(old, { recursive: true, force: true })
    }
  }
}

function build() {
  const aside = mkdtempSync(join(root, '.build-'))
  const old = `${aside}-old`
  try {
    writeFileSync(join(aside, stamp), '') // before compiling: what changes meanwhile is newer
    if (!compile(aside)) return 1
    chmodSync(aside, 0o755) // mkdtemp makes it for this user alone
    const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    // npx makes them executable once, when it links them; a later build must not take that back.
    for (const path of Object.values(bin)) chmodSync(join(aside, relative('dist', path)), 0o755)
    swapIn(aside, old)
    return 0
  } finally {
    for (const folder of [aside, old]) rmSync(folder, { recursive: true, force: true })
  }
}

if (!isFresh()) process.exitCode = build()
