/**
 * Shows that several workers learn as one does, with the same global batch and with dropout: the mean loss over many
 * steps of the built-in model on the built-in scenes, which may differ by 1 % since an optimizer amplifies rounding.
 *
 *     npm run test:workers -- [--workers 2] [--steps 200] [--batch-size 16] [--dropout 0.1] [--cache DIR]
 *
 * Exit code 1: they differ by more.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import './build.mjs'

const built = new URL('../dist/src/', import.meta.url)
const load = (file) => import(new URL(file, built))
const { nativeRuntime } = await load('runtime/index.js')
const { createSharedFile, joinSharedGroup, resolveConfig, train } = await load('training/index.js')
const { cacheFolder } = await load('files/index.js')

const text = (value) => ({ type: 'string', default: value })
const { values } = parseArgs({
  options: {
    ...{ workers: text('2'), steps: text('200'), 'batch-size': text('16'), dropout: text('0.1') },
    cache: { type: 'string' },
    /** How this script calls itself: rank, size, descriptors, the run's folder. */
    worker: { type: 'string' },
  },
})
const steps = Number(values.steps)
const most = 0.01

if (values.worker) await work(...JSON.parse(values.worker))
else await compare()

async function compare() {
  const folder = mkdtempSync(join(tmpdir(), 'vl-lst-'))
  try {
    const means = []
    for (const size of [1, Number(values.workers)]) {
      const losses = await lossesOf(size, join(folder, String(size)))
      means.push(losses.reduce((sum, loss) => sum + loss, 0) / losses.length)
      process.stdout.write(
        `${size} workers: mean loss ${means.at(-1).toFixed(6)} over ${losses.length} steps\n`,
      )
    }
    const difference = Math.abs(means[1] / means[0] - 1)
    process.stdout.write(`they differ by ${(100 * difference).toFixed(4)} % (at most ${100 * most} %)\n`)
    process.exitCode = difference <= most ? 0 : 1
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** @returns the loss of each step of a run of `size` workers */
async function lossesOf(size, run) {
  const file = createSharedFile(size)
  const losses = []
  const workers = Array.from({ length: size }, (_, rank) => {
    const place = JSON.stringify([rank, size, file.fds.length, run])
    const words = [fileURLToPath(import.meta.url), ...process.argv.slice(2), '--worker', place]
    const worker = spawn(process.execPath, words, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...file.fds],
    })
    worker.on('message', (loss) => losses.push(loss))
    return worker
  })
  file.close()
  const ends = workers.map(
    (worker) =>
      new Promise((resolve, reject) => {
        worker.once('exit', (code) => (code === 0 ? resolve() : reject(new Error('a worker failed'))))
      }),
  )
  try {
    await Promise.all(ends)
  } finally {
    for (const worker of workers) worker.kill('SIGKILL')
  }
  return losses
}

/** One worker of a run that ends before it is evaluated. */
async function work(rank, size, descriptors, run) {
  const group = joinSharedGroup({
    fds: Array.from({ length: descriptors }, (_, i) => 4 + i),
    ...{ rank, size, runtime: nativeRuntime, threads: 1 },
    onNote: (note) => process.stderr.write(`${note}\n`),
  })
  const config = resolveConfig([
    {
      ...{
        task: 'vqa',
        method: 'lst',
        dropout: Number(values.dropout),
        batchSize: Number(values['batch-size']),
      },
      ...{ maxSteps: steps + 1, evalEvery: steps + 1, saveEvery: steps + 1, threads: 1, seed: 1 },
    },
  ])
  const end = new AbortController()
  await train(config, {
    ...{
      output: run,
      cache: cacheFolder(values.cache),
      command: 'npm run test:workers',
      signal: end.signal,
      group,
    },
    report(event) {
      if (event.kind !== 'step') return
      process.send(event.loss)
      if (event.step === steps) end.abort()
    },
  })
  process.disconnect()
}
