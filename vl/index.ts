export { type ClipConfig, readClipConfig } from './clip/config.js'
export { clipParameters, contrastiveGraph, textGraph, visionGraph } from './clip/graphs.js'
export { openAiConfig, translateOpenAi } from './clip/openai.js'
export { imageFits, normalisePixels } from './clip/preprocess.js'
export {
  type VisualEmbeddingOptions,
  visualEmbedding,
  visualEmbeddingDefaults,
} from './embedding.js'
export { openVisionEncoder, visionEncoders } from './encoders.js'
export {
  decodePicture,
  type NetworkEncoder,
  type Picture,
  type PlainEncoder,
  type VisionEncoder,
} from './images.js'
export { normalisation } from './normalise.js'
export { firstRows, maxPool, poolings, type Sizes, type Windows } from './pooling.js'
