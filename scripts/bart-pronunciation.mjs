/**
 * A real BART that turns spelling into American pronunciation learns the British one, by each method:
 *
 *   npm run build && node scripts/bart-pronunciation.mjs [--data ../shared/data/bart] [--methods full,lora] [--seeds 0,1,2]
 *       [--dropout 0] [--threads 1] [--out docs/bench/bart-pronunciation.json]
 *
 * 4 epochs of 9,000 words in batches of 64, AdamW without decay, a rate that falls to 0; then the 1,000 test words by
 * greedy decoding. Dropout is 0 by default: here one rate is for all sites, where the anchor in the data's README has 0.1 at
 * the ends of sublayers alone. Every run that is not in the file yet is made and written down at once.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { cacheFolder } from '../dist/src/files/index.js'
import { methods } from '../dist/src/methods/index.js'
import { chooseRuntime } from '../dist/src/runtime/index.js'
import { collate, epochOrder, stepTotals } from '../dist/src/tasks/index.js'
import {
  decodeGraph,
  encodeGraph,
  encoderFeeds,
  generateGreedy,
  learningRateAt,
  openBackbone,
  openSession,
  schedules,
  Trainer,
} from '../dist/src/training/index.js'
import { record } from './runs.mjs'

const text = { type: 'string' }
const { values } = parseArgs({
  options: { data: text, methods: text, seeds: text, threads: text, out: text, cache: text, dropout: text },
})
const folder = values.data ?? '../shared/data/bart'
const file = values.out ?? 'docs/bench/bart-pronunciation.json'
const threads = Number(values.threads ?? 1)
const dropout = Number(values.dropout ?? 0)
const [epochs, batchSize, longest] = [4, 64, 32]

/** What is compared: a method, its options and its learning rate. */
const rows = {
  full: { method: 'full', learningRate: 1e-3 },
  'biases and norms': {
    method: 'bitfit',
    options: { unfreezeLayerNorms: true, zeroStart: true },
    learningRate: 3e-3,
  },
  bitfit: { method: 'bitfit', options: { zeroStart: true }, learningRate: 3e-3 },
  adapter: { method: 'adapter', options: { reductionFactor: 4 }, learningRate: 3e-3 },
  lora: { method: 'lora', options: { rank: 16, alpha: 32 }, learningRate: 3e-3 },
  lst: { method: 'lst', options: { reductionFactor: 4, tapNorm: true, mergeLast: true }, learningRate: 3e-3 },
}

const backbone = openBackbone(folder, { cache: cacheFolder(values.cache) })
const { grapheme_chars, phoneme_chars } = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
const { padTokenId: pad, decoderStartTokenId: start, eosTokenId: end } = backbone.config
const special = { pad, start }
const unknown = 3
const characters = [...phoneme_chars]

const idsOf = (word, alphabet) => [...word].map((character) => Math.max(alphabet.indexOf(character), unknown))

function read(split) {
  const lines = readFileSync(join(folder, `british-${split}.tsv`), 'utf8')
    .trim()
    .split('\n')
  return lines.map((line) => {
    const [word, phonemes] = line.split('\t')
    return {
      phonemes,
      inputIds: [start, ...idsOf(word, [...grapheme_chars]), end],
      targetIds: [...idsOf(phonemes, characters), end],
      ...{ score: 1, pictures: [] },
    }
  })
}

const words = { train: read('train'), test: read('test') }
const batchOf = (samples) =>
  collate({ lossWeighting: 'tokens' }, samples, special, undefined, stepTotals(samples, special))

async function train({ method: name, options = {}, learningRate }, seed) {
  const method = methods.get(name)
  const spec = { config: backbone.config, method, options: method.options.parse(options), dropout }
  const context = { weights: backbone.weights, seed, threads }
  const optimizer = { name: 'adamw-torch', options: { weightDecay: 0 } }
  const trainer = await Trainer.create({ spec, ...context, optimizer, maxGradNorm: 0 })
  const perEpoch = Math.ceil(words.train.length / batchSize)
  for (let step = 0; step < epochs * perEpoch; step++) {
    const order = epochOrder(words.train.length, seed, Math.floor(step / perEpoch))
    const first = (step % perEpoch) * batchSize
    const samples = [...order.subarray(first, first + batchSize)].map((index) => words.train[index])
    await trainer.backward(await batchOf(samples), { step, firstRow: 0, samples: samples.length })
    const schedule = { learningRate, warmupSteps: 0, totalSteps: epochs * perEpoch }
    await trainer.update(learningRateAt(step, schedules.get('linear'), schedule))
  }
  const parameters = [...trainer.parameters.parameters.values()]
  const exact = await score({ ...spec, dropout: 0 }, parameters)
  const trained = parameters.reduce((sum, { value }) => sum + value.floats.length, 0)
  trainer.close()
  return { method: name, learningRate, options, scores: { overall: exact }, trained }
}

/** Share of the test words whose phonemes are all right. */
async function score(spec, parameters) {
  const open = (graph) =>
    openSession(graph, backbone.weights, { runtime: chooseRuntime(console.error), threads })
  const [encoder, decoder] = [await open(encodeGraph(spec)), await open(decodeGraph(spec))]
  const trained = Object.fromEntries(parameters.map(({ name, value }) => [name, value]))
  let right = 0
  for (let begin = 0; begin < words.test.length; begin += 100) {
    const samples = words.test.slice(begin, begin + 100)
    const inputs = { ...encoderFeeds(await batchOf(samples)), ...trained }
    const { ids, width } = await generateGreedy({ encoder, decoder }, inputs, {
      ...{ maxLength: longest, startId: start, eosId: end, padId: pad },
    })
    for (const [i, { phonemes }] of samples.entries()) {
      const said = [...ids.subarray(i * width, (i + 1) * width)].map(Number).filter((id) => id > unknown)
      right += Number(said.map((id) => characters[id] ?? '').join('') === phonemes)
    }
  }
  encoder.close()
  decoder.close()
  return right / words.test.length
}

const jobs = (values.seeds ?? '0,1,2').split(',').flatMap((seed) =>
  (values.methods?.split(',') ?? Object.keys(rows)).map((name) => ({
    key: { name, seed: Number(seed), dropout },
    run: () => train(rows[name], Number(seed)),
  })),
)
await record(file, jobs, 1)
