export { type PaddedBatch, padBatch } from './pad.js'
export { openTokenizer, type Tokenizer } from './tokenizer.js'
