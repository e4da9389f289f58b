/** The built-in T5: sizes, and how it is pretrained. */
import { corrupt } from './spans.mjs'

export const t5 = {
  name: 't5',
  configOf: (vocabulary) => ({
    ...{ architectures: ['T5ForConditionalGeneration'], model_type: 't5', vocab_size: vocabulary },
    ...{ d_model: 128, d_kv: 32, num_heads: 4, d_ff: 384, num_layers: 4, num_decoder_layers: 2 },
    ...{ relative_attention_num_buckets: 32, relative_attention_max_distance: 128, layer_norm_epsilon: 1e-6 },
    ...{ feed_forward_proj: 'relu', tie_word_embeddings: true, dropout_rate: 0, is_encoder_decoder: true },
    ...{ pad_token_id: 0, eos_token_id: 1, decoder_start_token_id: 0 },
  }),
  hide: corrupt,
  batchSize: 128,
  learningRate: 2e-3,
}
