/**
 * Compiles src, vl and datasets into dist, and before them each workspace into its own: `node scripts/build.mjs`.
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
const stamp = '.built'

/** A package that is compiled; folders from the root. */
const { workspaces } = manifestOf('.')
const projects = [
  ...workspaces.map((folder) => ({ folder, sources: ['src', 'package.json', 'tsconfig.json'] })),
  { folder: '.', sources: ['src', 'vl', 'datasets', 'package.json', 'tsconfig.json'] },
]

function manifestOf(folder) {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
}

const isWorkspace = (path) => workspaces.some((folder) => path === join(root, folder))

/** Newest change below `path`, in milliseconds; folders count, so that a deleted file is noticed. */
function newest(path) {
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.mtimeMs
  const inside = readdirSync(path).map((name) => join(path, name))
  return Math.max(stats.mtimeMs, ...inside.filter((each) => !isWorkspace(each)).map(newest))
}

function isFresh({ folder, sources }) {
  const built = join(root, folder, 'dist', stamp)
  return (
    existsSync(built) &&
    statSync(built).mtimeMs >= Math.max(...sources.map((name) => newest(join(root, folder, name))))
  )
}

/** @returns whether it compiled; the compiler has said what did not */
function compile(project, into) {
  const require = createRequire(import.meta.url)
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc')
  const words = [tsc, '--project', join(root, project.folder, 'tsconfig.json'), '--outDir', into]
  return spawnSync(process.execPath, words, { stdio: 'inherit' }).status === 0
}

/** Puts the finished folder in dist's place. Another build may do the same at this moment: then once more. */
function swapIn(folder, dist, old) {
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

/** @returns whether it is built */
function build(project) {
  const aside = mkdtempSync(join(root, project.folder, '.build-'))
  const old = `${aside}-old`
  try {
    writeFileSync(join(aside, stamp), '') // before compiling: what changes meanwhile is newer
    if (!compile(project, aside)) return false
    chmodSync(aside, 0o755) // mkdtemp makes it for this user alone
    // npx makes them executable once, when it links them; a later build must not take that back.
    for (const path of Object.values(manifestOf(project.folder).bin ?? {}))
      chmodSync(join(aside, relative('dist', path)), 0o755)
    swapIn(aside, join(root, project.folder, 'dist'), old)
    return true
  } finally {
    for (const folder of [aside, old]) rmSync(folder, { recursive: true, force: true })
  }
}

if (!projects.every((project) => isFresh(project) || build(project))) process.exitCode = 1
