/** Peak memory of training steps beside what `vl-lst estimate` tells. */
import { cpus, tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { estimate, paperConfig } from '../../dist/src/training/index.js'
import { compareEach, writeResults } from './results.mjs'
import { shapes } from './shapes.mjs'
import { Worker } from './worker.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const text = (value) => ({ type: 'string', default: value })
/** Rows of the table of `random:t5-base`, which this bench trains as it is. */
const vocabulary = 32128

export async function benchMemory(args) {
  const { values } = parseArgs({
    args,
    options: {
      steps: text('3'),
      threads: text('2'),
      shapes: text('V,G'),
      methods: text('lst,full,adapter,lora,bitfit,prompt'),
      dropout: text('0'),
      cache: text(join(tmpdir(), 'vl-lst-bench')),
      out: text(join(here, 'out', 'memory.json')),
    },
  })
  const list = (name) => values[name].split(',')
  const each = { shape: list('shapes'), method: list('methods'), dropout: list('dropout') }
  const results = await compareEach(each, (one) => compare({ ...values, ...one }), describe)
  const machine = { processor: cpus()[0].model, cores: cpus().length, memoryBytes: totalmem() }
  writeResults(values.out, { date: new Date().toISOString(), machine, results })
}

async function compare({ shape, method, dropout, threads, steps, cache }) {
  const given = { shape, method, dropout, threads, cache }
  const worker = new Worker(process.execPath, [
    join(here, 'step-worker.mjs'),
    ...Object.entries(given).flatMap(([name, value]) => [`--${name}`, value]),
  ])
  await worker.next()
  for (let i = 0; i < Number(steps); i++) await worker.ask('step')
  const { peakRssBytes, peakAnonBytes } = await worker.ask('memory')
  await worker.quit()
  const { memory } = estimated(shapes[shape], { method, dropout: Number(dropout) })
  return {
    ...{ shape, method, dropout: Number(dropout), estimate: memory, peakRssBytes, peakAnonBytes },
    ratios: { resident: memory.resident / peakRssBytes, private: memory.private / peakAnonBytes },
  }
}

/** What `vl-lst estimate` tells of the same step. */
function estimated({ task, backbone, batch, featDim, ...sizes }, { method, dropout }) {
  const config = paperConfig({ task, method, backbone, dropout, batchSize: batch, accumulate: 1 })
  return estimate(config, sizes, { vocabulary, featDim })
}

function describe({ shape, method, dropout, estimate: told, peakRssBytes, peakAnonBytes, ratios }) {
  const mb = (bytes) => `${Math.round(bytes / 1e6)} MB`
  return (
    `${shape} ${method} dropout ${dropout}: resident ${mb(told.resident)} told, ${mb(peakRssBytes)} taken ` +
    `(${ratios.resident.toFixed(2)}); private ${mb(told.private)} told, ${mb(peakAnonBytes)} taken (${ratios.private.toFixed(2)})`
  )
}
