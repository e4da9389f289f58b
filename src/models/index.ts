export { addedLinear } from './added.js'
export { architectures } from './architectures.js'
export {
  type BackboneConfig,
  type BackboneModel,
  type BackboneStack,
  ownBias,
  type Rows,
  runStack,
  type Variant,
} from './backbone.js'
export {
  architectureOf,
  backboneModel,
  headName,
  newTable,
  readBackboneConfig,
} from './backbones.js'
export type { BartConfig } from './bartConfig.js'
export { type BuiltGraph, builtGraph, gradientName, parametersOf, trainedGradients } from './built.js'
export { type Classifier, classify } from './classifier.js'
export { type DropoutSource, hashedDropout, noDropout } from './dropout.js'
export { initialise, initialised } from './initialise.js'
export * from './ladder.js'
export {
  type CrossAttention,
  causalBias,
  centreNorm,
  geluNew,
  type KeyValues,
  maskBias,
  scaleNorm,
  swish,
} from './layers.js'
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
export { type LinearRole, type Place, placeOf, type Sites, type Sublayer } from './sites.js'
export { readT5Config, type T5Config } from './t5Config.js'
