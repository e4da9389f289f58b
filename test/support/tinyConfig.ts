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

/** `config.json` of a tiny BART: 1 pads, 2 starts and ends. Every number of its own, heads of each stack included. */
export const tinyBart = {
  model_type: 'bart',
  vocab_size: 59,
  d_model: 24,
  encoder_layers: 3,
  decoder_layers: 2,
  encoder_attention_heads: 4,
  decoder_attention_heads: 3,
  encoder_ffn_dim: 28,
  decoder_ffn_dim: 32,
  max_position_embeddings: 20,
  /** Wide enough for logits that differ. */
  init_std: 0.3,
}
