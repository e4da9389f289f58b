/** `config.json` of a tiny T5; ids as in every T5: 0 pads and starts, 1 ends. */
export const tinyConfig = {
  model_type: 't5',
  vocab_size: 59,
  d_model: 24,
  d_kv: 10,
  d_ff: 44,
  num_heads: 3,
  num_layers: 4,
  num_decoder_layers: 2,
  relative_attention_num_buckets: 16,
}
