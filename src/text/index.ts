export { equallyLong, type PaddedBatch, padBatch } from './pad.js'
export { openTokenizer, type Tokenizer, tokenizerFile } from './tokenizer.js'
