/** Pretrains a built-in text model on the world's corpus, with the toolkit's own training step. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { corpusDocument } from '../../dist/datasets/world/index.js'
import { Random } from '../../dist/src/base/index.js'
import { methods } from '../../dist/src/methods/index.js'
import { readBackboneConfig } from '../../dist/src/models/index.js'
import { collate, stepTotals } from '../../dist/src/tasks/index.js'
import { openTokenizer } from '../../dist/src/text/index.js'
import { modelParameters, Trainer } from '../../dist/src/training/index.js'
import { writeStart } from '../../dist/src/training/randomWeights.js'
import { openSafetensors } from '../../dist/src/weights/index.js'
import { rateAt, saveModel } from './model.mjs'

const noPictures = { positions: 0, featDim: 1 }

/**
 * @param model a text model: its name, its configuration for a vocabulary of some size, how it hides parts of a
 *   document, the batch's size and the highest learning rate
 * @param log is told of every hundredth step
 */
export async function pretrain(model, { folder, steps, seed, threads, log }) {
  const { name, configOf, hide, batchSize, learningRate } = model
  const tokenizer = openTokenizer(folder)
  const json = configOf(tokenizer.vocabularySize)
  const config = readBackboneConfig(json, name)
  const special = { pad: config.padTokenId, start: config.decoderStartTokenId }
  const method = methods.get('full')
  const spec = { config, method, options: method.options.parse({}), dropout: 0 }
  const aside = mkdtempSync(join(tmpdir(), 'builtin-'))
  const trainer = await Trainer.create({
    ...{ spec, weights: untrained(spec, join(aside, 'untrained.safetensors'), seed) },
    optimizer: { name: 'adamw', options: { weightDecay: 0 } },
    maxGradNorm: 1,
    ...{ seed, threads },
  })
  const batches = sortedBatches(batchSize, (index) => ({
    ...hide(corpusDocument(index), tokenizer, new Random(index, 4)),
    ...{ score: 1, pictures: [] },
  }))
  let losses = 0
  for (let step = 0; step < steps; step++) {
    const samples = batches.next().value
    const totals = stepTotals(samples, special)
    const batch = await collate({ lossWeighting: 'tokens' }, samples, special, noPictures, totals)
    losses += await trainer.backward(batch, { step, firstRow: 0, samples: batchSize })
    await trainer.update(rateAt(step, steps, learningRate))
    if ((step + 1) % 100 === 0) {
      log({ model: name, step: step + 1, loss: losses / 100 })
      losses = 0
    }
  }
  saveModel(folder, json, trainer.parameters)
  trainer.close()
  rmSync(aside, { recursive: true })
}

/** What never trains, such as the bias of BART's logits, as it starts; everything else starts by its initializer. */
function untrained(spec, file, seed) {
  writeStart(
    file,
    modelParameters(spec).filter(({ trained }) => !trained),
    seed,
  )
  return openSafetensors(file)
}

/** How many batches' documents are sorted by length among one another, so that little of a batch is padding. */
const sortedTogether = 16

/** Batches without end, of ever new documents. @param sampleOf the sample of an index */
function* sortedBatches(batchSize, sampleOf) {
  const count = sortedTogether * batchSize
  for (let first = 0; ; first += sortedTogether) {
    const sorted = Array.from({ length: count }, (_, i) => sampleOf(first * batchSize + i)).sort(
      (a, b) => a.inputIds.length - b.inputIds.length,
    )
    for (const place of new Random(first, 5).permutation(sortedTogether))
      yield sorted.slice(place * batchSize, (place + 1) * batchSize)
  }
}
