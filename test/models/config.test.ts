import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import { architectures, readT5Config } from '../../src/models/index.js'
import { tinyConfig } from '../support/tinyConfig.js'

const read = (over: Readonly<Record<string, unknown>>) =>
  readT5Config({ ...tinyConfig, ...over }, 'm/config.json')

test('its own fields are read', () => {
  expect(read({ num_layers: 5, feed_forward_proj: 'gated-gelu' })).toMatchObject({
    ...{ numLayers: 5, numDecoderLayers: 2, dKv: 10, dFf: 44, feedForwardProj: 'gated-gelu' },
  })
})

test('what a config.json leaves out has Hugging Face’s defaults', () => {
  expect(read({ num_decoder_layers: undefined })).toEqual({
    ...{ dModel: 24, dKv: 10, dFf: 44, numHeads: 3, numLayers: 4, numDecoderLayers: 4, vocabSize: 59 },
    ...{ relativeAttentionNumBuckets: 16, layerNormEpsilon: 1e-6, feedForwardProj: 'relu' },
    ...{ tieWordEmbeddings: true, padTokenId: 0, eosTokenId: 1, decoderStartTokenId: 0 },
  })
})

describe('a bad config.json is one line with file, field and fix', () => {
  test.each([
    [{ model_type: 'bart' }, 'm/config.json: "model_type" is "bart": only "t5" can be trained so far'],
    [{ model_type: undefined }, 'm/config.json: "model_type" is undefined'],
    [{ d_model: undefined }, 'm/config.json: "d_model": '],
    [{ num_heads: 2.5 }, 'm/config.json: "num_heads": '],
    [{ d_ff: 0 }, 'm/config.json: "d_ff": '],
    [{ feed_forward_proj: 'gated-silu' }, 'm/config.json: "feed_forward_proj": '],
    [{ tie_word_embeddings: 'yes' }, 'm/config.json: "tie_word_embeddings": '],
  ])('%j', (over, message) => {
    expect(() => read(over)).toThrow(UserError)
    expect(() => read(over)).toThrow(message)
    expect(() => read(over)).not.toThrow('\n')
  })
})

test.each(architectures.entries)('random:$name is a configuration that can be read', ({ name, config }) => {
  expect(readT5Config(config, name)).toMatchObject({ vocabSize: 32128, decoderStartTokenId: 0 })
})
