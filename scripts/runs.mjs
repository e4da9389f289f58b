/** Runs of our command line for a table, written down one by one: whatever stops them, the next start goes on. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const execute = promisify(execFile)

/** @returns what a program printed */
export async function run(program, words) {
  const { stdout } = await execute(program, words, { maxBuffer: 2 ** 28, cwd: root })
  return stdout
}

export const ours = (...words) => run(process.execPath, [join(root, 'dist/src/cli/main.js'), ...words])

/** @returns the scores of a run on a split, what it trained, and the most memory that it took */
export async function train(split, ...words) {
  const folder = mkdtempSync(join(tmpdir(), 'results-'))
  try {
    const output = await ours('train', '--json', '--output', join(folder, 'run'), ...words)
    const events = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const { rows } = events.findLast((event) => event.kind === 'evaluation' && event.split === split)
    const { trained, parameters } = events.find(({ kind }) => kind === 'start')
    return {
      scores: Object.fromEntries(
        rows.map(({ by, name, score }) => [by === name ? name : `${by}: ${name}`, score]),
      ),
      ...{ trained, parameters, peakBytes: events.findLast(({ kind }) => kind === 'step').peakBytes },
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/**
 * The same training in PyTorch, from the same start values, in the same order of samples.
 *
 * @param folder for what PyTorch reads; left there
 * @param settings JSON of a run's settings that differ from the preset
 */
export async function trainInPytorch(python, folder, { seed, threads, cache, settings = '{}' }) {
  const exporting = ['--out', folder, '--seed', seed, '--cache', cache, '--settings', settings]
  await run(process.execPath, [join(root, 'scripts/bench/export-run.mjs'), ...exporting.map(String)])
  const training = ['--data', folder, '--seed', seed, '--threads', threads]
  const said = await run(python, [join(root, 'scripts/bench/peers/exported.py'), ...training.map(String)])
  const { test, torch } = JSON.parse(said.trim().split('\n').at(-1))
  return { scores: { overall: test }, torch }
}

/** The variant that a table has beside ours, where there is a Python for it. */
export function pytorchVariant(python, train) {
  if (python) return { pytorch: train }
  console.error('pytorch is left out: name a Python with --python')
  return {}
}

/** Each of some variants, by their names, with each seed. */
export function variantJobs(variants, { only, seeds = '1,2,3' }) {
  const chosen = (only?.split(',') ?? Object.keys(variants)).filter((name) => name in variants)
  return seeds
    .split(',')
    .map(Number)
    .flatMap((seed) =>
      chosen.map((variant) => ({ key: { variant, seed }, run: () => variants[variant](seed) })),
    )
}

const machine = `${cpus().length} × ${cpus()[0].model}, ${Math.round(totalmem() / 2 ** 30)} GiB`

/**
 * @param file what is known already, `{ runs: [{ …key, … }] }`
 * @param jobs each a `key` and what to `run`
 * @param side how many at a time
 */
export async function record(file, jobs, side) {
  const known = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { runs: [] }
  const isKnown = ({ key }) =>
    known.runs.some((done) => Object.entries(key).every(([name, value]) => done[name] === value))
  const left = jobs.filter((job) => !isKnown(job))
  const work = async () => {
    for (let job = left.shift(); job; job = left.shift()) {
      const start = performance.now()
      const result = await job.run()
      const seconds = Math.round((performance.now() - start) / 1000)
      const about = { seconds, side, machine, node: process.version, date: new Date().toISOString() }
      known.runs.push({ ...job.key, ...result, ...about })
      writeFileSync(file, `${JSON.stringify(known, undefined, 1)}\n`)
      console.log(`${Object.values(job.key).join(' ')}: ${result.scores.overall} in ${seconds} s`)
    }
  }
  await Promise.all(Array.from({ length: side }, work))
}
