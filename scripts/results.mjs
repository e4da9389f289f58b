/**
 * The README's table about the built-in world, by one command:
 *
 *   npm run results -- --python VENV/bin/python [--seeds 1,2,3] [--only lst,no-picture,no-taps,full,pytorch]
 *       [--threads 2] [--cache DIR] [--out docs/bench/builtin.json]
 *
 * Every run that is not in the file yet is made and written down at once, so it goes on where it stopped. The Python
 * needs `scripts/bench/peers/requirements.txt`; without it `pytorch` is left out, and said so.
 */
import { execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import sharp from 'sharp'
import { buildWorld } from '../dist/datasets/world/index.js'
import { cacheFolder } from '../dist/src/files/index.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const text = { type: 'string' }
const { values } = parseArgs({
  options: { python: text, seeds: text, only: text, threads: text, cache: text, out: text },
})
const threads = values.threads ?? String(availableParallelism())
const cache = cacheFolder(values.cache)
const file = values.out ?? join(root, 'docs', 'bench', 'builtin.json')
const run = promisify(execFile)
const options = { maxBuffer: 2 ** 28 }

/** Trains with our command line. @returns the test split's scores */
async function train(seed, more) {
  const folder = mkdtempSync(join(tmpdir(), 'results-'))
  const settings = ['--task', 'vqa', '--seed', String(seed), '--threads', threads, '--cache', cache]
  const command = [
    join(root, 'dist/src/cli/main.js'),
    'train',
    ...settings,
    '--json',
    '--output',
    join(folder, 'run'),
  ]
  try {
    const { stdout } = await run(process.execPath, [...command, ...more], options)
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const { rows } = events.findLast(({ kind, split }) => kind === 'evaluation' && split === 'test')
    return Object.fromEntries(rows.map(({ by, name, score }) => [by ? `${by}: ${name}` : name, score]))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The world with one grey picture in place of all: what the question alone gives. */
async function worldWithoutPictures() {
  const world = await buildWorld(cache)
  const folder = `${world}-without-pictures`
  if (existsSync(folder)) return folder
  const grey = { width: 96, height: 96, channels: 3, background: '#e4e4e4' }
  const blank = await sharp({ create: grey }).jpeg().toBuffer()
  mkdirSync(folder)
  for (const entry of readdirSync(world, { withFileTypes: true })) {
    if (!entry.isDirectory()) {
      cpSync(join(world, entry.name), join(folder, entry.name))
      continue
    }
    mkdirSync(join(folder, entry.name))
    for (const name of readdirSync(join(world, entry.name)))
      writeFileSync(join(folder, entry.name, name), blank)
  }
  return folder
}

/** The settings of the built-in world for a data set elsewhere. */
async function configFor(dataset) {
  const command = [join(root, 'dist/src/cli/main.js'), 'train', '--task', 'vqa', '--print-config']
  const { stdout } = await run(process.execPath, command, options)
  const config = join(cache, 'without-pictures.yaml')
  writeFileSync(config, stdout.replace(/^dataset: .*$/m, `dataset: ${JSON.stringify(dataset)}`))
  return config
}

async function trainInPytorch(seed) {
  const folder = join(cache, `peer-${seed}`)
  const exporting = [
    'scripts/bench/export-run.mjs',
    '--out',
    folder,
    '--seed',
    String(seed),
    '--cache',
    cache,
  ]
  await run(process.execPath, exporting, { ...options, cwd: root })
  const peer = [
    'scripts/bench/peers/exported.py',
    '--data',
    folder,
    '--seed',
    String(seed),
    '--threads',
    threads,
  ]
  const { stdout } = await run(values.python, peer, { ...options, cwd: root })
  const { test, torch } = JSON.parse(stdout.trim().split('\n').at(-1))
  return { overall: test, torch }
}

const variants = {
  lst: (seed) => train(seed, []),
  'no-picture': async (seed) =>
    await train(seed, ['--config', await configFor(await worldWithoutPictures())]),
  'no-taps': (seed) => train(seed, ['--gates', 'one']),
  full: (seed) => train(seed, ['--method', 'full']),
  pytorch: trainInPytorch,
}

const known = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { runs: [] }
const seeds = (values.seeds ?? '1,2,3').split(',').map(Number)
const chosen = values.only?.split(',') ?? Object.keys(variants)
for (const seed of seeds) {
  for (const variant of chosen) {
    if (known.runs.some((done) => done.variant === variant && done.seed === seed)) continue
    if (variant === 'pytorch' && !values.python) {
      console.error('pytorch is left out: name a Python with --python')
      continue
    }
    const start = performance.now()
    const scores = await variants[variant](seed)
    const seconds = Math.round((performance.now() - start) / 1000)
    const machine = `${cpus().length} × ${cpus()[0].model}, ${Math.round(totalmem() / 2 ** 30)} GiB`
    known.runs.push({
      variant,
      seed,
      scores,
      seconds,
      threads,
      machine,
      node: process.version,
      date: new Date().toISOString(),
    })
    writeFileSync(file, `${JSON.stringify(known, undefined, 1)}\n`)
    console.log(`${variant}, seed ${seed}: ${scores.overall} in ${seconds} s`)
  }
}
