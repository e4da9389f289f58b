/** Time and memory of one training step, ours and PyTorch's by turns: both are up at once, and never both at work. */
import { cpus, tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { compareEach, median, writeResults } from './results.mjs'
import { Worker } from './worker.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const text = (value) => ({ type: 'string', default: value })
const warmUps = 2
/** Both engines' threads go on spinning for a while after their work. */
const restMs = 300

export async function benchStep(args) {
  const { values } = parseArgs({
    args,
    options: {
      python: text('python3'),
      pairs: text('9'),
      threads: text('2'),
      shapes: text('V,G'),
      methods: text('lst,full,adapter,lora,bitfit,prompt'),
      dropout: text('0,0.1'),
      cache: text(join(tmpdir(), 'vl-lst-bench')),
      out: text(join(here, 'out', 'step.json')),
    },
  })
  const list = (name) => values[name].split(',')
  const each = { shape: list('shapes'), method: list('methods'), dropout: list('dropout') }
  const results = await compareEach(each, (one) => compare({ ...values, ...one }), describe)
  const machine = {
    processor: cpus()[0].model,
    cores: cpus().length,
    memoryBytes: totalmem(),
    platform: process.platform,
  }
  writeResults(values.out, { date: new Date().toISOString(), machine, results })
}

async function compare({ shape, method, dropout, threads, python, cache, pairs }) {
  const common = ['--shape', shape, '--method', method, '--dropout', dropout, '--threads', threads]
  const ours = new Worker(process.execPath, [join(here, 'step-worker.mjs'), ...common, '--cache', cache])
  const oursReady = await ours.next()
  const peer = new Worker(python, [join(here, 'peers', 'step.py'), ...common])
  const peerReady = await peer.next()
  const steps = { ours: [], peer: [] }
  for (let i = -warmUps; i < Number(pairs); i++) {
    for (const [name, worker] of [
      ['ours', ours],
      ['peer', peer],
    ]) {
      await sleep(restMs)
      const step = await worker.ask('step')
      if (i >= 0) steps[name].push(step)
    }
  }
  const memory = { ours: await ours.ask('memory'), peer: await peer.ask('memory') }
  await Promise.all([ours.quit(), peer.quit()])
  const summary = (name) => ({
    medianMs: median(steps[name].map(({ ms }) => ms)),
    minMs: Math.min(...steps[name].map(({ ms }) => ms)),
    medianCpuMs: median(steps[name].map(({ cpuMs }) => cpuMs)),
    ...memory[name],
  })
  return {
    ...{ shape, method, dropout: Number(dropout), threads: Number(threads), pairs: Number(pairs) },
    ours: { ...oursReady, ...summary('ours') },
    peer: { ...peerReady, ...summary('peer') },
    ratios: {
      time: median(steps.ours.map(({ ms }, i) => ms / steps.peer[i].ms)),
      cpu: median(steps.ours.map(({ cpuMs }, i) => cpuMs / steps.peer[i].cpuMs)),
      peakRss: memory.ours.peakRssBytes / memory.peer.peakRssBytes,
      peakPrivate: memory.ours.peakAnonBytes / memory.peer.peakAnonBytes,
    },
  }
}

function describe({ shape, method, dropout, ours, peer, ratios }) {
  const mb = (bytes) => `${Math.round(bytes / 2 ** 20)} MB`
  const ms = (value) => `${Math.round(value)} ms`
  return [
    `${shape} ${method} dropout ${dropout}:`,
    `time ${ms(ours.medianMs)} / ${ms(peer.medianMs)} = ${ratios.time.toFixed(3)}`,
    `(processor ${ratios.cpu.toFixed(3)}),`,
    `peak RSS ${mb(ours.peakRssBytes)} / ${mb(peer.peakRssBytes)} = ${ratios.peakRss.toFixed(3)},`,
    `peak private ${mb(ours.peakAnonBytes)} / ${mb(peer.peakAnonBytes)} = ${ratios.peakPrivate.toFixed(3)}`,
  ].join(' ')
}
