/** Pretrains the built-in T5 by span corruption, with the toolkit's own training step. */

import { corpusDocument } from '../../dist/datasets/world/index.js'
import { Random } from '../../dist/src/base/index.js'
import { methods } from '../../dist/src/methods/index.js'
import { readBackboneConfig } from '../../dist/src/models/index.js'
import { collate, stepTotals } from '../../dist/src/tasks/index.js'
import { openTokenizer } from '../../dist/src/text/index.js'
import { Trainer } from '../../dist/src/training/index.js'
import { noCheckpoint, rateAt, saveModel } from './model.mjs'
import { corrupt } from './spans.mjs'

const configOf = (vocabulary) => ({
  ...{ architectures: ['T5ForConditionalGeneration'], model_type: 't5', vocab_size: vocabulary },
  ...{ d_model: 128, d_kv: 32, num_heads: 4, d_ff: 384, num_layers: 4, num_decoder_layers: 2 },
  ...{ relative_attention_num_buckets: 32, relative_attention_max_distance: 128, layer_norm_epsilon: 1e-6 },
  ...{ feed_forward_proj: 'relu', tie_word_embeddings: true, dropout_rate: 0, is_encoder_decoder: true },
  ...{ pad_token_id: 0, eos_token_id: 1, decoder_start_token_id: 0 },
})

const batchSize = 128
const learningRate = 2e-3
const special = { pad: 0, start: 0 }
const noPictures = { positions: 0, featDim: 1 }

/** @param log is told of every hundredth step */
export async function pretrainT5({ folder, steps, seed, threads, log }) {
  const tokenizer = openTokenizer(folder)
  const json = configOf(tokenizer.vocabularySize)
  const method = methods.get('full')
  const trainer = await Trainer.create({
    spec: { config: readBackboneConfig(json, 't5'), method, options: method.options.parse({}), dropout: 0 },
    weights: noCheckpoint,
    optimizer: { name: 'adamw', options: { weightDecay: 0 } },
    maxGradNorm: 1,
    ...{ seed, threads },
  })
  let losses = 0
  for (let step = 0; step < steps; step++) {
    const samples = batchAt(step, tokenizer)
    const batch = await collate(
      { lossWeighting: 'tokens' },
      samples,
      special,
      noPictures,
      stepTotals(samples, special),
    )
    losses += await trainer.backward(batch, { step, firstRow: 0, samples: batchSize })
    await trainer.update(rateAt(step, steps, learningRate))
    if ((step + 1) % 100 === 0) {
      log({ model: 't5', step: step + 1, loss: losses / 100 })
      losses = 0
    }
  }
  saveModel(folder, json, trainer.parameters)
  trainer.close()
}

/** Batches whose documents are sorted by length among one another, so that little of a batch is padding. */
const sortedTogether = 16
const pools = { first: -1, batches: [] }

function batchAt(step, tokenizer) {
  const first = step - (step % sortedTogether)
  if (pools.first !== first) {
    const count = sortedTogether * batchSize
    const sorted = Array.from({ length: count }, (_, i) => sampleOf(first * batchSize + i, tokenizer)).sort(
      (a, b) => a.inputIds.length - b.inputIds.length,
    )
    const order = [...new Random(first, 5).permutation(sortedTogether)]
    pools.first = first
    pools.batches = order.map((place) => sorted.slice(place * batchSize, (place + 1) * batchSize))
  }
  return pools.batches[step - first]
}

function sampleOf(index, tokenizer) {
  const random = new Random(index, 4)
  return { ...corrupt(corpusDocument(index), tokenizer, random), score: 1, pictures: [] }
}
