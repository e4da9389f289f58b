/**
 * What `peers/exported.py` trains on, so that PyTorch starts where the toolkit does and goes the same way:
 *
 *   node scripts/bench/export-run.mjs --out DIR [--seed N] [--settings JSON] [--cache DIR]
 *
 * Settings are those of a run (`config.yaml`), the built-in world's by default. Writes `features.safetensors` (features of
 * all pictures), `samples.json` (token ids, answers with their scores, what annotators said), `words.json` (their ids),
 * `start.safetensors` (all weights, the ladder's as the seed makes them) and `settings.json` with the order of each epoch.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { cacheFolder } from '../../dist/src/files/index.js'
import { chooseRuntime } from '../../dist/src/runtime/index.js'
import { epochOrder } from '../../dist/src/tasks/index.js'
import { openData } from '../../dist/src/training/data.js'
import { modelParameters } from '../../dist/src/training/graphs.js'
import { ParameterStore, startValues } from '../../dist/src/training/index.js'
import { prepare, resolveConfig } from '../../dist/src/training/prepare.js'
import { writeSafetensors } from '../../dist/src/weights/index.js'

const text = { type: 'string' }
const { values } = parseArgs({ options: { out: text, seed: text, settings: text, cache: text } })
const cache = cacheFolder(values.cache)
const seed = Number(values.seed ?? 1)
const report = (event) => event.kind === 'note' && console.error(event.text)

const config = resolveConfig([{ ...JSON.parse(values.settings ?? '{}'), seed }])
const prepared = prepare(config, { cache, runtime: chooseRuntime(console.error), onNote: console.error })
const data = await openData(config, prepared, { cache, report })
mkdirSync(values.out, { recursive: true })

const pictures = [
  ...new Set(Object.values(data.splits).flatMap((samples) => samples.map(({ imageId }) => imageId))),
]
const places = new Map(pictures.map((id, place) => [id, place]))
const { positions, featDim } = data.features
const float32 = (name, shape, data) => ({ name, dtype: 'F32', shape, data })
const features = new Float32Array(pictures.length * positions * featDim)
for (const [place, id] of pictures.entries())
  features.set(await data.features.features(id), place * positions * featDim)
writeSafetensors(join(values.out, 'features.safetensors'), [
  float32('features', [pictures.length, positions, featDim], features),
])

const encode = (words, maxLength) => data.tokenizer.encode(words, { maxLength })
const samples = Object.fromEntries(
  Object.entries(data.splits).map(([split, all]) => [
    split,
    all.map(({ imageId, question, label, answers, answerType }) => ({
      picture: places.get(imageId),
      ids: encode(data.task.prompt + question, data.task.maxInputLength),
      targets: [...label].map(([answer, score]) => [encode(answer, data.task.longestTarget), score]),
      ...{ answers, answerType, scores: Object.fromEntries(label) },
    })),
  ]),
)
writeFileSync(join(values.out, 'samples.json'), JSON.stringify(samples))

const said = new Set(
  Object.values(data.splits).flatMap((all) =>
    all.flatMap(({ answers = [], label }) => [...answers, ...label.keys()]),
  ),
)
const words = Object.fromEntries([...said].map((answer) => [answer, encode(answer).slice(0, -1)]))
writeFileSync(join(values.out, 'words.json'), JSON.stringify(words))

const { spec, backbone } = prepared
const specs = modelParameters(spec)
const store = new ParameterStore(
  specs.filter(({ trained }) => trained).map((each) => ({ ...each, decays: false })),
)
startValues(store, specs, backbone.weights, seed)
writeSafetensors(
  join(values.out, 'start.safetensors'),
  specs.map(({ name, shape }) =>
    float32(name, shape, store.parameters.get(name)?.value.floats ?? backbone.weights.readFloat32(name)),
  ),
)
const orders = Array.from({ length: Math.ceil(config.epochs) }, (_, epoch) => [
  ...epochOrder(data.splits.train.length, seed, epoch),
])
writeFileSync(
  join(values.out, 'settings.json'),
  JSON.stringify({ config, t5: spec.config, featDim, positions, orders }),
)
