/** BART's configuration, read from Hugging Face's `config.json`. */
import { z } from 'zod'
import { UserError } from '../base/index.js'
import type { BackboneConfig } from './backbone.js'
import { parseFields } from './configFields.js'

const count = z.int().positive()
const id = z.int().nonnegative()

const fields = z.object({
  d_model: count,
  encoder_layers: count,
  decoder_layers: count,
  encoder_attention_heads: count,
  decoder_attention_heads: count,
  encoder_ffn_dim: count,
  decoder_ffn_dim: count,
  vocab_size: count,
  max_position_embeddings: count.default(1024),
  scale_embedding: z.boolean().default(false),
  init_std: z.number().positive().default(0.02),
  pad_token_id: id.default(1),
  eos_token_id: id.default(2),
  decoder_start_token_id: id.default(2),
  activation_function: z.literal('gelu').default('gelu'),
  tie_word_embeddings: z.literal(true).default(true),
  normalize_before: z.literal(false).default(false),
  add_final_layer_norm: z.literal(false).default(false),
  normalize_embedding: z.literal(true).default(true),
  static_position_embeddings: z.literal(false).default(false),
  extra_pos_embeddings: z.literal(2).default(2),
})

/** What a stack has of its own. */
export interface BartStackConfig {
  readonly layers: number
  readonly numHeads: number
  readonly dFf: number
}

export interface BartConfig extends BackboneConfig {
  readonly encoder: BartStackConfig
  readonly decoder: BartStackConfig
  readonly maxPositionEmbeddings: number
  /** Multiply token embeddings by √d. */
  readonly scaleEmbedding: boolean
  /** Standard deviation of weights that start at random. */
  readonly initStd: number
}

/** BART's norms have no field of their own for it. */
const layerNormEpsilon = 1e-5

export function readBartConfig(raw: Readonly<Record<string, unknown>>, where: string): BartConfig {
  const c = parseFields(fields, raw, where)
  for (const stack of ['encoder', 'decoder'] as const) {
    const heads = c[`${stack}_attention_heads`]
    if (c.d_model % heads !== 0) {
      throw new UserError(
        `${where}: "${stack}_attention_heads" is ${heads}, which does not divide "d_model" ${c.d_model}: ` +
          "take the model's own config.json",
      )
    }
  }
  return {
    modelType: 'bart',
    dModel: c.d_model,
    vocabSize: c.vocab_size,
    numLayers: c.encoder_layers,
    numDecoderLayers: c.decoder_layers,
    layerNormEpsilon,
    tieWordEmbeddings: true,
    padTokenId: c.pad_token_id,
    eosTokenId: c.eos_token_id,
    decoderStartTokenId: c.decoder_start_token_id,
    encoder: { layers: c.encoder_layers, numHeads: c.encoder_attention_heads, dFf: c.encoder_ffn_dim },
    decoder: { layers: c.decoder_layers, numHeads: c.decoder_attention_heads, dFf: c.decoder_ffn_dim },
    maxPositionEmbeddings: c.max_position_embeddings,
    scaleEmbedding: c.scale_embedding,
    initStd: c.init_std,
  }
}

export function writeBartConfig(c: BartConfig): Readonly<Record<string, unknown>> {
  return {
    architectures: ['BartForConditionalGeneration'],
    model_type: 'bart',
    is_encoder_decoder: true,
    d_model: c.dModel,
    encoder_layers: c.encoder.layers,
    decoder_layers: c.decoder.layers,
    encoder_attention_heads: c.encoder.numHeads,
    decoder_attention_heads: c.decoder.numHeads,
    encoder_ffn_dim: c.encoder.dFf,
    decoder_ffn_dim: c.decoder.dFf,
    vocab_size: c.vocabSize,
    max_position_embeddings: c.maxPositionEmbeddings,
    activation_function: 'gelu',
    scale_embedding: c.scaleEmbedding,
    init_std: c.initStd,
    pad_token_id: c.padTokenId,
    eos_token_id: c.eosTokenId,
    decoder_start_token_id: c.decoderStartTokenId,
  }
}
