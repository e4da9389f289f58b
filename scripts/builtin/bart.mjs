/** The built-in BART: sizes, and how it is pretrained. */
import { infill } from './spans.mjs'

export const bart = {
  name: 'bart',
  configOf: (vocabulary) => ({
    ...{ architectures: ['BartForConditionalGeneration'], model_type: 'bart', vocab_size: vocabulary },
    ...{ d_model: 128, encoder_layers: 4, decoder_layers: 2, max_position_embeddings: 256, init_std: 0.02 },
    ...{ encoder_attention_heads: 4, decoder_attention_heads: 4, encoder_ffn_dim: 384, decoder_ffn_dim: 384 },
    ...{ activation_function: 'gelu', scale_embedding: false, dropout: 0, is_encoder_decoder: true },
    ...{ bos_token_id: 0, pad_token_id: 1, eos_token_id: 2, decoder_start_token_id: 2 },
  }),
  hide: infill,
  batchSize: 64,
  learningRate: 2e-3,
}
