/**
 * Shows that several workers learn as one does, with the same global batch and with dropout: the mean loss over many
 * steps of the built-in model on the built-in scenes, which may differ by 1 % since an optimizer amplifies rounding.
 *
 *     npm run test:workers -- [--workers 2] [--steps 200] [--batch-size 16] [--dropout 0.1] [--cache DIR]
 *
 * Exit code 1: they differ by more.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import './build.mjs'

const built = new URL('../dist/src/', import.meta.url)
const load = (file) => import(new URL(file, built))
const { resolveConfig, train } = await load('training/index.js')
const { cacheFolder } = await load('files/index.js')

const text = (value) => ({ type: 'string', default: value })
const { values } = parseArgs({
  options: {
    ...{ workers: text('2'), steps: text('200'), 'batch-size': text('16'), dropout: text('0.1') },
    cache: { type: 'string' },
  },
})
const steps = Number(values.steps)
const most = 0.01

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

/** @returns the loss of each step of a run of `workers`, which ends before it is evaluated */
async function lossesOf(workers, output) {
  const { dropout, 'batch-size': batchSize, cache } = values
  const size = { dropout: Number(dropout), batchSize: Number(batchSize), workers, threads: 1 }
  const never = { maxSteps: steps + 1, evalEvery: steps + 1, saveEvery: steps + 1 }
  const losses = []
  const end = new AbortController()
  await train(resolveConfig([{ task: 'vqa', method: 'lst', seed: 1, ...size, ...never }]), {
    ...{ output, cache: cacheFolder(cache), command: 'npm run test:workers', signal: end.signal },
    report(event) {
      if (event.kind === 'step' && losses.length < steps) losses.push(event.loss)
      if (event.kind === 'step' && event.step === steps) end.abort()
    },
  })
  return losses
}
