export { architectures } from './architectures.js'
export { type BuiltGraph, builtGraph, gradientName, parametersOf, trainedGradients } from './built.js'
export { readT5Config, type T5Config } from './config.js'
export { type DropoutSource, hashedDropout, noDropout } from './dropout.js'
export { initialise, initialised } from './initialise.js'
export * from './ladder.js'
export { relativePositionBucket } from './positionBias.js'
export {
  buildModel,
  filled,
  type Initializer,
  type ModelBuild,
  normal,
  type ParameterSpec,
  type Scope,
  uniform,
} from './scope.js'
export {
  biasTable,
  blockedCross,
  type CrossAttention,
  causalBias,
  decoderBias,
  embed,
  encoderBias,
  head,
  maskBias,
  runStack,
  type Stack,
  sharedTable,
  t5Sizes,
} from './t5.js'
