/**
 * Our side of `npm run bench -- step`: builds one training step at T5-base's size and runs it on request.
 *
 *   node scripts/bench/step-worker.mjs --shape V --method lst --dropout 0 --threads 2 --cache DIR [--profile PREFIX]
 *       [--backbone t5-small] [--rank 0 --size 2 --descriptors 1]
 *
 * As one of several workers it has its share of the batch; descriptor 3 and those behind it are the shared file's.
 * Prints one JSON line when ready; then reads lines: `step` runs one step and prints {ms, cpuMs, loss}, `memory`
 * prints the process's memory, `quit` ends.
 */
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { methods } from '../../dist/src/methods/index.js'
import { keepHeapSmall, nativeRuntime, processMemory } from '../../dist/src/runtime/index.js'
import {
  joinSharedGroup,
  openBackbone,
  paperConfig,
  soloGroup,
  Trainer,
} from '../../dist/src/training/index.js'
import { visualEmbeddingDefaults } from '../../dist/vl/index.js'
import { randomBatch, rowsOf, shapes } from './shapes.mjs'

const text = { type: 'string' }
const { values } = parseArgs({
  options: {
    ...{ shape: text, method: text, dropout: text, threads: text, cache: text, profile: text },
    ...{ backbone: text, rank: text, size: text, descriptors: text },
  },
})
const shape = shapes[values.shape]
const threads = Number(values.threads)

keepHeapSmall()
const before = processMemory()
const start = performance.now()
const group = values.size
  ? joinSharedGroup({
      fds: Array.from({ length: Number(values.descriptors) }, (_, i) => 3 + i),
      ...{ rank: Number(values.rank), size: Number(values.size), runtime: nativeRuntime, threads },
      onNote: (note) => process.stderr.write(`${note}\n`),
    })
  : soloGroup
const backbone = openBackbone(`random:${values.backbone ?? shape.backbone}`, { cache: values.cache })
const method = methods.get(values.method)
const vision = shape.positions > 0 && {
  ...visualEmbeddingDefaults,
  featDim: shape.featDim,
  dModel: backbone.config.dModel,
}
const trainer = await Trainer.create({
  spec: {
    config: backbone.config,
    method,
    options: paperConfig({ task: shape.task, method: values.method }).methodOptions,
    dropout: Number(values.dropout),
    ...(vision ? { vision } : {}),
  },
  weights: backbone.weights,
  optimizer: { name: 'adamw', options: {} },
  maxGradNorm: 1,
  seed: 1,
  ...{ threads, group },
  ...(values.profile ? { profilePrefix: values.profile } : {}),
})
const ready = processMemory()

const whole = randomBatch(shape, backbone.config.vocabSize)
const [firstRow, end] = [0, 1].map((i) => Math.floor((whole.batch * (group.rank + i)) / group.size))
const batch = rowsOf(whole, firstRow, end)
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`)
let peakPrivate = 0
const watch = setInterval(() => {
  peakPrivate = Math.max(peakPrivate, processMemory().privateBytes)
}, 20)

say({
  ready: true,
  node: process.version,
  threads,
  secondsToReady: (performance.now() - start) / 1000,
  trained: [...trainer.parameters.parameters.values()].reduce(
    (sum, { span }) => sum + span.end - span.begin,
    0,
  ),
  privateBytesBefore: before.privateBytes,
  privateBytesReady: ready.privateBytes,
})
let step = 0
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'quit') break
  if (line === 'memory') {
    const { peakBytes, residentBytes, privateBytes } = processMemory()
    say({
      peakRssBytes: peakBytes,
      rssBytes: residentBytes,
      anonBytes: privateBytes,
      peakAnonBytes: peakPrivate,
    })
  }
  if (line === 'step') {
    const [wall, cpu] = [performance.now(), process.cpuUsage()]
    const own = await trainer.backward(batch, { step, firstRow, samples: shape.batch })
    const loss = (await group.exchange(own)).reduce((sum, of) => sum + of)
    await trainer.update(1e-4)
    const used = process.cpuUsage(cpu)
    step++
    say({ ms: performance.now() - wall, cpuMs: (used.user + used.system) / 1000, loss })
  }
}
clearInterval(watch)
if (values.profile) process.stderr.write(`${trainer.endProfiling()}\n`)
trainer.close()
group.close()
