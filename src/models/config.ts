/** T5's configuration, read from Hugging Face's `config.json`. */
import { z } from 'zod'
import { UserError } from '../base/index.js'

const fields = z.object({
  d_model: z.int().positive(),
  d_kv: z.int().positive(),
  d_ff: z.int().positive(),
  num_heads: z.int().positive(),
  num_layers: z.int().positive(),
  num_decoder_layers: z.int().positive().optional(),
  relative_attention_num_buckets: z.int().positive().default(32),
  vocab_size: z.int().positive(),
  layer_norm_epsilon: z.number().positive().default(1e-6),
  feed_forward_proj: z.enum(['relu', 'gated-gelu']).default('relu'),
  tie_word_embeddings: z.boolean().default(true),
  pad_token_id: z.int().nonnegative().default(0),
  eos_token_id: z.int().nonnegative().default(1),
  decoder_start_token_id: z.int().nonnegative().default(0),
})

export interface T5Config {
  readonly dModel: number
  /** Width of a head; heads times this may differ from `dModel`. */
  readonly dKv: number
  readonly dFf: number
  readonly numHeads: number
  readonly numLayers: number
  readonly numDecoderLayers: number
  readonly relativeAttentionNumBuckets: number
  readonly vocabSize: number
  readonly layerNormEpsilon: number
  readonly feedForwardProj: 'relu' | 'gated-gelu'
  readonly tieWordEmbeddings: boolean
  readonly padTokenId: number
  readonly eosTokenId: number
  readonly decoderStartTokenId: number
}

/**
 * @param raw the fields of `config.json`
 * @param where the file, for messages
 * @throws {UserError} another architecture, a missing field or one of the wrong kind
 */
export function readT5Config(raw: Readonly<Record<string, unknown>>, where: string): T5Config {
  const type = raw.model_type
  if (type !== 't5') {
    throw new UserError(`${where}: "model_type" is ${JSON.stringify(type)}: only "t5" can be trained so far`)
  }
  const parsed = fields.safeParse(raw)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new UserError(
      `${where}: "${issue!.path.join('.')}": ${issue!.message}: take the model's own config.json`,
    )
  }
  const c = parsed.data
  return {
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
