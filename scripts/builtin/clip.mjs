/** Trains the built-in CLIP by its contrastive loss, with the toolkit's own graph, optimizer and runtime. */
import { writeFileSync } from 'node:fs'
import { Random } from '../../dist/src/base/index.js'
import { gradientName } from '../../dist/src/models/index.js'
import { float32, int64, nativeRuntime } from '../../dist/src/runtime/index.js'
import { openTokenizer, padBatch } from '../../dist/src/text/index.js'
import {
  clippingScale,
  createNorm,
  openSession,
  optimizers,
  ParameterStore,
  startValues,
} from '../../dist/src/training/index.js'
import { openCheckpoint } from '../../dist/src/weights/index.js'
import { contrastiveGraph, readClipConfig } from '../../dist/vl/index.js'
import { clipStatistics, normalisation } from '../../dist/vl/normalise.js'
import { noCheckpoint, rateAt, saveModel } from './model.mjs'
import { drawPairs, look, regionsOf } from './views.mjs'

const side = 96
const patchSize = 12
const patchesPerSide = side / patchSize
const configOf = (vocabulary) => ({
  ...{ architectures: ['CLIPModel'], model_type: 'clip', projection_dim: 64, logit_scale_init_value: 2.6592 },
  text_config: {
    ...{ vocab_size: vocabulary, hidden_size: 64, intermediate_size: 256, num_hidden_layers: 2 },
    ...{
      num_attention_heads: 4,
      max_position_embeddings: 64,
      hidden_act: 'quick_gelu',
      layer_norm_eps: 1e-5,
    },
    ...{ pad_token_id: 0, bos_token_id: 1, eos_token_id: 1 },
  },
  vision_config: {
    ...{ image_size: side, patch_size: patchSize, num_channels: 3, hidden_size: 128, intermediate_size: 512 },
    ...{ num_hidden_layers: 4, num_attention_heads: 4, hidden_act: 'quick_gelu', layer_norm_eps: 1e-5 },
  },
})

/** As CLIP's (Radford et al. 2021). */
const preprocessing = {
  ...{ image_processor_type: 'CLIPImageProcessor', do_resize: true, size: { shortest_edge: side } },
  ...{ do_center_crop: true, crop_size: { height: side, width: side }, do_normalize: true, resample: 3 },
  ...{ image_mean: clipStatistics.mean, image_std: clipStatistics.deviation },
}

const pairsPerBatch = 32
const thingsPerPicture = 2
/** Factor of the position table's start: else left and right are hardly learned in the time. */
const placesAtStart = 6
const largestLogitScale = Math.log(100)

/**
 * Two rounds of training, and what the texts about things tell in each. Places are learned first, while little else is
 * known, or hardly at all; were they told in all texts to the end, shapes would not have to be seen.
 */
export const rounds = {
  places: {
    ...{ steps: 4000, goesOn: false },
    told: { place: 1, partly: 0.5, each: { size: 0.5, pattern: 0.5, colour: 0.5, shape: 0.5 } },
  },
  shapes: {
    ...{ steps: 2000, goesOn: true },
    told: { place: 0.35, partly: 0.6, each: { size: 0.5, pattern: 0.5, colour: 0.35, shape: 0.7 } },
  },
}

const learningRate = 7e-4

/** @param log is told of every fiftieth step */
export async function trainClip({ folder, round, pairs, seed, threads, log }) {
  const { steps, told, goesOn } = rounds[round]
  const tokenizer = openTokenizer(folder)
  const json = configOf(tokenizer.vocabularySize)
  const scenes = await drawPairs(pairs, 0)
  const start = goesOn ? openCheckpoint(folder) : noCheckpoint
  const learner = await openLearner(readClipConfig(json, 'clip'), start, { seed, threads })
  const scale = learner.store.parameters.get('logit_scale').value.floats
  let losses = 0
  for (let step = 0; step < steps; step++) {
    losses += await learner.step(
      batchOf(scenes, tokenizer, told, goesOn ? new Random(seed, step, 1) : new Random(seed, step)),
      rateAt(step, steps, learningRate),
    )
    scale[0] = Math.min(scale[0], largestLogitScale)
    if ((step + 1) % 50 === 0) {
      log({ model: 'clip', round, step: step + 1, loss: losses / 50, scale: Math.exp(scale[0]) })
      losses = 0
    }
    if ((step + 1) % 500 === 0) saveModel(folder, json, learner.store)
  }
  saveModel(folder, json, learner.store)
  writeFileSync(`${folder}/preprocessor_config.json`, `${JSON.stringify(preprocessing, undefined, 2)}\n`)
  learner.close()
}

/**
 * Pictures and texts of some pairs: both of a pair are in the batch, so that what differs has to be seen. And two things
 * of every picture, each a patch with a text of its own.
 */
function batchOf(scenes, tokenizer, told, random) {
  const views = Array.from({ length: pairsPerBatch }, () => scenes[random.integer(scenes.length)]).flat()
  const size = 3 * side * side
  const values = new Float32Array(views.length * size)
  const seen = views.map((view, i) =>
    look(view, side, table, values.subarray(i * size, (i + 1) * size), random),
  )
  const encoded = (texts) =>
    padBatch(
      texts.map((text) => tokenizer.encode(text, { maxLength: 64 })),
      0,
    )
  const regions = seen.flatMap(({ things }) =>
    regionsOf(things, { side, patches: patchesPerSide, count: thingsPerPicture, told }, random),
  )
  const [texts, regionTexts] = [seen, regions].map((all) => encoded(all.map(({ text }) => text)))
  return {
    pixelValues: float32([views.length, 3, side, side], values),
    ...{ inputIds: idsOf(texts), attentionMask: maskOf(texts) },
    ...{ regionIds: idsOf(regionTexts), regionMask: maskOf(regionTexts) },
    ...regionFeeds(regions, views.length),
  }
}

const idsOf = ({ ids, batch, length }) => int64([batch, length], ids)
const maskOf = ({ ids, batch, length }) =>
  int64(
    [batch, length],
    ids.map((id) => (id === 0n ? 0n : 1n)),
  )

/** Which positions the regions are, and which texts are true of them: a text of several regions counts less for each. */
function regionFeeds(regions, pictures) {
  const positions = patchesPerSide ** 2 + 1
  const shares = new Float32Array(regions.length * positions)
  for (const [i, { patch }] of regions.entries()) shares[i * positions + 1 + patch] = 1
  const fitting = regions.map((region) => regions.map((other) => Number(other.fits(region))))
  const count = (values) => values.reduce((sum, value) => sum + value, 0)
  const rows = fitting.map(count)
  const columns = regions.map((_, j) => count(fitting.map((row) => row[j])))
  const targets = fitting.flatMap((row, i) => row.map((fits, j) => fits / Math.sqrt(rows[i] * columns[j])))
  return {
    regions: float32([pictures, thingsPerPicture, positions], shares),
    regionTargets: float32([pictures, thingsPerPicture, regions.length], targets),
  }
}

const table = normalisation(clipStatistics)

/** Norms, biases, the class embedding and the scale don't decay. */
const decays = ({ shape }) => shape.length >= 2

async function openLearner(config, start, { seed, threads }) {
  const context = { runtime: nativeRuntime, threads }
  const built = contrastiveGraph(config, { regions: true })
  const store = new ParameterStore(built.parameters.map((spec) => ({ ...spec, decays: decays(spec) })))
  startValues(store, built.parameters, start, seed)
  if (start === noCheckpoint) {
    const positions = store.parameters.get('vision_model.embeddings.position_embedding.weight').value.floats
    for (let i = 0; i < positions.length; i++) positions[i] *= placesAtStart
  }
  const session = await openSession(built, noCheckpoint, context)
  const optimizer = await optimizers
    .get('adamw-torch')
    .create(store, { weightDecay: 0.02, beta2: 0.98, epsilon: 1e-6 }, context)
  const norm = await createNorm(store, context)
  const all = [...store.parameters.values()]
  const values = Object.fromEntries(all.map(({ name, value }) => [name, value]))
  const fetches = Object.fromEntries(all.map(({ name, gradient }) => [gradientName(name), gradient]))
  return {
    store,
    async step(feeds, rate) {
      const { loss } = await session.run({ ...feeds, ...values }, fetches)
      const [value] = loss.floats
      for (const tensor of [loss, ...Object.values(feeds)]) tensor.release()
      await optimizer.step({
        learningRate: rate,
        gradientScale: clippingScale(await norm.measure(new Set()), 1),
      })
      return value
    },
    close() {
      for (const part of [session, optimizer, norm]) part.close()
      store.release()
    },
  }
}
