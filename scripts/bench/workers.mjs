/**
 * Several workers of one thread against one worker of as many threads: steps by turns, what adding gradients takes
 * beside a plain copy, and the memory that frozen weights take, which all processes share.
 */
import { readFileSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createSharedFile } from '../../dist/src/training/index.js'
import { compareEach, median, writeResults } from './results.mjs'
import { shapes } from './shapes.mjs'
import { Worker } from './worker.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const text = (value) => ({ type: 'string', default: value })
const warmUps = 2
/** Threads go on spinning for a while after their work. */
const restMs = 300

export async function benchWorkers(args) {
  const { values } = parseArgs({
    args,
    options: {
      pairs: text('9'),
      workers: text('2'),
      shapes: text('V'),
      methods: text('lst'),
      dropout: text('0'),
      rounds: text('30'),
      backbone: { type: 'string' },
      cache: text(join(tmpdir(), 'vl-lst-bench')),
      out: text(join(here, 'out', 'workers.json')),
    },
  })
  const sums = await compareSums(Number(values.workers), Number(values.rounds))
  process.stdout.write(`${describeSums(sums)}\n`)
  const list = (name) => values[name].split(',')
  const each = { shape: list('shapes'), method: list('methods'), dropout: list('dropout') }
  const results = await compareEach(each, (one) => compareSteps({ ...values, ...one }), describeSteps)
  const machine = { processor: cpus()[0].model, cores: cpus().length, memoryBytes: totalmem() }
  writeResults(values.out, { date: new Date().toISOString(), machine, sums, results })
}

/** @returns workers of a group, ready */
async function startGroup(size, script, args) {
  const file = createSharedFile(size)
  if (file.note) process.stderr.write(`${file.note}\n`)
  const workers = Array.from({ length: size }, (_, rank) => {
    const place = ['--rank', rank, '--size', size, '--descriptors', file.fds.length].map(String)
    return new Worker(process.execPath, [join(here, script), ...args, ...place], file.fds)
  })
  file.close()
  await askEach(workers, (worker) => worker.next())
  return workers
}

const askEach = (workers, ask) => Promise.all(workers.map(ask))
const quitAll = (workers) => askEach(workers, (worker) => worker.quit())

/** 64 MB of every worker added up, and copied by one, by turns. */
async function compareSums(size, rounds) {
  const workers = await startGroup(size, 'sum-worker.mjs', [])
  const times = { sum: [], copy: [] }
  for (let i = -warmUps; i < rounds; i++) {
    const copy = await workers[0].ask('copy')
    const sums = await askEach(workers, (worker) => worker.ask('sum'))
    if (i < 0) continue
    times.copy.push(copy)
    times.sum.push({ ms: Math.max(...sums.map(({ ms }) => ms)), cpuMs: sumOf(sums, 'cpuMs') })
  }
  await quitAll(workers)
  const summary = (name) => ({
    medianMs: median(times[name].map(({ ms }) => ms)),
    minMs: Math.min(...times[name].map(({ ms }) => ms)),
    medianCpuMs: median(times[name].map(({ cpuMs }) => cpuMs)),
  })
  return {
    ...{ workers: size, bytes: 2 ** 26, sum: summary('sum'), copy: summary('copy') },
    ratio: median(times.sum.map(({ ms }, i) => ms / times.copy[i].ms)),
  }
}

async function compareSteps({ shape, method, dropout, workers: count, pairs, backbone, cache }) {
  const common = ['--shape', shape, '--method', method, '--dropout', dropout, '--cache', cache]
  if (backbone) common.push('--backbone', backbone)
  const many = await startGroup(Number(count), 'step-worker.mjs', [...common, '--threads', '1'])
  const script = join(here, 'step-worker.mjs')
  const manyMemory = await stepAndMeasure(many)
  const one = [new Worker(process.execPath, [script, ...common, '--threads', count])]
  await one[0].next()
  const steps = { many: [], one: [] }
  for (let i = -warmUps; i < Number(pairs); i++) {
    for (const [name, workers] of Object.entries({ many, one })) {
      await sleep(restMs)
      const step = await stepOf(workers)
      if (i >= 0) steps[name].push(step)
    }
  }
  await quitAll(many)
  const oneMemory = await stepAndMeasure(one)
  await quitAll(one)
  const summary = (name) => ({
    samplesPerSecond: (1000 * shapes[shape].batch) / median(steps[name].map(({ ms }) => ms)),
    medianMs: median(steps[name].map(({ ms }) => ms)),
    medianCpuMs: median(steps[name].map(({ cpuMs }) => cpuMs)),
  })
  return {
    ...{ shape, method, dropout: Number(dropout), workers: Number(count), pairs: Number(pairs), backbone },
    many: { ...summary('many'), memory: manyMemory },
    one: { ...summary('one'), memory: oneMemory },
    ratios: {
      speed: median(steps.one.map(({ ms }, i) => ms / steps.many[i].ms)),
      cpu: median(steps.one.map(({ cpuMs }, i) => cpuMs / steps.many[i].cpuMs)),
      memory: sumOf(manyMemory, 'pssBytes') / sumOf(oneMemory, 'pssBytes'),
    },
  }
}

/** One step of all workers, as who waits for them sees it. */
async function stepOf(workers) {
  const start = performance.now()
  const steps = await askEach(workers, (worker) => worker.ask('step'))
  return { ms: performance.now() - start, cpuMs: sumOf(steps, 'cpuMs') }
}

/** Each worker's memory while the others of its group, and nobody else, share it. */
async function stepAndMeasure(workers) {
  for (let i = 0; i < warmUps; i++) await stepOf(workers)
  return workers.map(({ pid }) => memoryOf(pid))
}

/** A page that n processes map counts as 1/n in each one's proportional set. */
function memoryOf(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const bytes = (name) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)[1])
  return {
    pssBytes: bytes('Pss'),
    pssOfFilesBytes: bytes('Pss_File'),
    rssBytes: bytes('Rss'),
    privateBytes: bytes('Pss_Anon'),
  }
}

const sumOf = (rows, name) => rows.reduce((sum, row) => sum + row[name], 0)

function describeSums({ workers, sum, copy, ratio }) {
  const ms = (value) => `${value.toFixed(1)} ms`
  return (
    `64 MB of ${workers} workers: added in ${ms(sum.medianMs)}, copied by one in ${ms(copy.medianMs)} = ${ratio.toFixed(2)} ` +
    `(best ${ms(sum.minMs)} / ${ms(copy.minMs)} = ${(sum.minMs / copy.minMs).toFixed(2)}; processor ` +
    `${ms(sum.medianCpuMs)} / ${ms(copy.medianCpuMs)})`
  )
}

function describeSteps({ shape, method, dropout, workers, many, one, ratios }) {
  const mb = (bytes) => `${Math.round(bytes / 2 ** 20)} MB`
  const speed = ({ samplesPerSecond }) => samplesPerSecond.toFixed(2)
  const memory = (rows) =>
    `${mb(sumOf(rows, 'pssBytes'))} (files ${mb(sumOf(rows, 'pssOfFilesBytes'))}, private ${mb(sumOf(rows, 'privateBytes'))})`
  return (
    `${shape} ${method} dropout ${dropout}: ${workers} workers of 1 thread ${speed(many)}, 1 worker of ${workers} threads ` +
    `${speed(one)} samples/s = ${ratios.speed.toFixed(3)} (processor ${ratios.cpu.toFixed(3)}); proportional set ` +
    `${memory(many.memory)} / ${memory(one.memory)} = ${ratios.memory.toFixed(2)}`
  )
}
