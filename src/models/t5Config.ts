/** T5's configuration, read from Hugging Face's `config.json`. */
import { z } from 'zod'
import type { BackboneConfig } from './backbone.js'
import { parseFields } from './configFields.js'

const fields = z.object({
  d_model: z.int().positive(),
  d_kv: z.int().positive(),
  d_ff: z.int().positive(),
  num_heads: z.int().positive(),
  num_layers: z.int().positive(),
  num_decoder_layers: z.int().positive().optional(),
  relative_attention_num_buckets: z.int().positive().default(32),
  relative_attention_max_distance: z.literal(128).default(128),
  vocab_size: z.int().positive(),
  layer_norm_epsilon: z.number().positive().default(1e-6),
  feed_forward_proj: z.enum(['relu', 'gated-gelu']).default('relu'),
  tie_word_embeddings: z.boolean().default(true),
  pad_token_id: z.int().nonnegative().default(0),
  eos_token_id: z.int().nonnegative().default(1),
  decoder_start_token_id: z.int().nonnegative().default(0),
})

export interface T5Config extends BackboneConfig {
  /** Width of a head; heads times this may differ from `dModel`. */
  readonly dKv: number
  readonly dFf: number
  readonly numHeads: number
  readonly relativeAttentionNumBuckets: number
  readonly feedForwardProj: 'relu' | 'gated-gelu'
}

export function readT5Config(raw: Readonly<Record<string, unknown>>, where: string): T5Config {
  const c = parseFields(fields, raw, where)
  return {
    modelType: 't5',
    dModel: c.d_model,
    dKv: c.d_kv,
    dFf: c.d_ff,
    numHeads: c.num_heads,
    numLayers: c.num_layers,
    numDecoderLayers: c.num_decoder_layers ?? c.num_layers,
    relativeAttentionNumBuckets: c.relative_attention_num_buckets,
    vocabSize: c.vocab_size,
    layerNormEpsilon: c.layer_norm_epsilon,
    feedForwardProj: c.feed_forward_proj,
    tieWordEmbeddings: c.tie_word_embeddings,
    padTokenId: c.pad_token_id,
    eosTokenId: c.eos_token_id,
    decoderStartTokenId: c.decoder_start_token_id,
  }
}

export function writeT5Config(c: T5Config): Readonly<Record<string, unknown>> {
  return {
    architectures: ['T5ForConditionalGeneration'],
    model_type: 't5',
    is_encoder_decoder: true,
    d_model: c.dModel,
    d_kv: c.dKv,
    d_ff: c.dFf,
    num_heads: c.numHeads,
    num_layers: c.numLayers,
    num_decoder_layers: c.numDecoderLayers,
    relative_attention_num_buckets: c.relativeAttentionNumBuckets,
    vocab_size: c.vocabSize,
    layer_norm_epsilon: c.layerNormEpsilon,
    feed_forward_proj: c.feedForwardProj,
    tie_word_embeddings: c.tieWordEmbeddings,
    pad_token_id: c.padTokenId,
    eos_token_id: c.eosTokenId,
    decoder_start_token_id: c.decoderStartTokenId,
  }
}
