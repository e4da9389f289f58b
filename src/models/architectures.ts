/** Published models by name, as their `config.json` has them: what `random:NAME` and `estimate` know. */
import { registry } from '../base/index.js'

interface Size {
  readonly name: string
  readonly config: Readonly<Record<string, unknown>>
  /** Tokens that its own tokenizer knows: the paper's code gives the token table as many rows. */
  readonly tokens: number
  /** Tokens that the paper's code for pictures adds: names of 100 positions, and to BART T5's 100 blanks. */
  readonly pictureTokens: number
}

type Sizes = readonly [dModel: number, dKv: number, numHeads: number, dFf: number, layers: number]

function t5(
  name: string,
  [dModel, dKv, numHeads, dFf, layers]: Sizes,
  more: Record<string, unknown> = {},
): Size {
  const config = {
    ...{ model_type: 't5', vocab_size: 32128, d_model: dModel, d_kv: dKv, num_heads: numHeads, d_ff: dFf },
    ...{ num_layers: layers, num_decoder_layers: layers, relative_attention_num_buckets: 32 },
    ...{ layer_norm_epsilon: 1e-6, feed_forward_proj: 'relu', tie_word_embeddings: true, dropout_rate: 0.1 },
    ...{ pad_token_id: 0, eos_token_id: 1, decoder_start_token_id: 0, is_encoder_decoder: true, ...more },
  }
  return { name, config, tokens: 32100, pictureTokens: 100 }
}

type BartSizes = readonly [dModel: number, heads: number, dFf: number, layers: number]

function bart(name: string, [dModel, heads, dFf, layers]: BartSizes): Size {
  const stack = (of: string) => ({
    ...{ [`${of}_layers`]: layers, [`${of}_attention_heads`]: heads, [`${of}_ffn_dim`]: dFf },
  })
  const config = {
    ...{ model_type: 'bart', vocab_size: 50265, d_model: dModel, ...stack('encoder'), ...stack('decoder') },
    ...{ max_position_embeddings: 1024, activation_function: 'gelu', scale_embedding: false, init_std: 0.02 },
    ...{ pad_token_id: 1, bos_token_id: 0, eos_token_id: 2, decoder_start_token_id: 2 },
    ...{ is_encoder_decoder: true, dropout: 0.1 },
  }
  return { name, config, tokens: 50265, pictureTokens: 200 }
}

const v1_1 = { feed_forward_proj: 'gated-gelu', tie_word_embeddings: false }

export const architectures = registry<Size>('model size', [
  t5('t5-small', [512, 64, 8, 2048, 6]),
  t5('t5-base', [768, 64, 12, 3072, 12]),
  t5('t5-large', [1024, 64, 16, 4096, 24]),
  t5('t5-3b', [1024, 128, 32, 16384, 24]),
  t5('flan-t5-small', [512, 64, 6, 1024, 8], v1_1),
  t5('flan-t5-base', [768, 64, 12, 2048, 12], v1_1),
  bart('bart-base', [768, 12, 3072, 6]),
  bart('bart-large', [1024, 16, 4096, 12]),
])
