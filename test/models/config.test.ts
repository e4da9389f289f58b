import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import { architectureOf, architectures, readBackboneConfig } from '../../src/models/index.js'
import { tinyBart, tinyConfig } from '../support/tinyConfig.js'

const read = (over: Readonly<Record<string, unknown>>) =>
  readBackboneConfig({ ...tinyConfig, ...over }, 'm/config.json')

test('its own fields are read', () => {
  expect(read({ num_layers: 5, feed_forward_proj: 'gated-gelu' })).toMatchObject({
    ...{ numLayers: 5, numDecoderLayers: 2, dKv: 10, dFf: 44, feedForwardProj: 'gated-gelu' },
  })
})

test('what a config.json leaves out has Hugging Face’s defaults', () => {
  expect(read({ num_decoder_layers: undefined })).toEqual({
    ...{
      modelType: 't5',
      dModel: 24,
      dKv: 10,
      dFf: 44,
      numHeads: 3,
      numLayers: 4,
      numDecoderLayers: 4,
      vocabSize: 59,
    },
    ...{ relativeAttentionNumBuckets: 16, layerNormEpsilon: 1e-6, feedForwardProj: 'relu' },
    ...{ tieWordEmbeddings: true, padTokenId: 0, eosTokenId: 1, decoderStartTokenId: 0 },
  })
})

describe('a bad config.json is one line with file, field and fix', () => {
  test.each([
    [{ model_type: 'gpt2' }, 'm/config.json: "model_type" is "gpt2": take a model of type t5 or bart'],
    [{ model_type: undefined }, 'm/config.json: "model_type" is undefined'],
    [{ d_model: undefined }, 'm/config.json: "d_model": '],
    [{ num_heads: 2.5 }, 'm/config.json: "num_heads": '],
    [{ d_ff: 0 }, 'm/config.json: "d_ff": '],
    [{ feed_forward_proj: 'gated-silu' }, 'm/config.json: "feed_forward_proj": '],
    [{ tie_word_embeddings: 'yes' }, 'm/config.json: "tie_word_embeddings": '],
    [{ relative_attention_max_distance: 64 }, 'm/config.json: "relative_attention_max_distance": '],
    [{ model_type: 'bart' }, 'm/config.json: "encoder_layers": '],
    [{ ...tinyBart, normalize_before: true }, 'm/config.json: "normalize_before": '],
    [{ ...tinyBart, activation_function: 'relu' }, 'm/config.json: "activation_function": '],
    [
      { ...tinyBart, decoder_attention_heads: 5 },
      'm/config.json: "decoder_attention_heads" is 5, which does not divide "d_model" 24: take',
    ],
  ])('%j', (over, message) => {
    expect(() => read(over)).toThrow(UserError)
    expect(() => read(over)).toThrow(message)
    expect(() => read(over)).not.toThrow('\n')
  })
})

test('a BART’s own fields are read, and written as they were read', () => {
  const config = read(tinyBart)
  expect(config).toMatchObject({
    ...{ modelType: 'bart', numLayers: 3, numDecoderLayers: 2, tieWordEmbeddings: true },
    ...{ encoder: { layers: 3, numHeads: 4, dFf: 28 }, decoder: { layers: 2, numHeads: 3, dFf: 32 } },
    ...{ padTokenId: 1, eosTokenId: 2, decoderStartTokenId: 2, maxPositionEmbeddings: 20 },
  })
  expect(readBackboneConfig(architectureOf(config).writeConfig(config), 'again')).toEqual(config)
})

test.each(architectures.entries)('random:$name is a configuration that can be read', ({ name, config }) => {
  const read = readBackboneConfig(config, name)
  expect(read).toMatchObject({ vocabSize: read.modelType === 't5' ? 32128 : 50265 })
  expect(readBackboneConfig(architectureOf(read).writeConfig(read), name)).toEqual(read)
})
