export { type Backbone, openBackbone, packagedBackbones } from './backbone.js'
export { configSchema, mergeConfig, type PartialConfig, type TrainConfig } from './config.js'
export { countParameters, type Estimate, estimate } from './estimate/index.js'
export { type EvaluateOptions, type EvaluateResult, evaluate } from './evaluate.js'
export type { Report, StepRecord, TrainEvent, TrainResult } from './events.js'
export { batchFeeds, encoderFeeds, type StepPlace, scalarFeeds } from './feeds.js'
export { type Decoding, type Generated, generateGreedy } from './generate.js'
export {
  decodeGraph,
  encodeGraph,
  gradientGraph,
  type ModelSpec,
  modelParameters,
} from './graphs.js'
export type { TrainOptions } from './loop.js'
export { type Merged, merge } from './merge.js'
export {
  type Accumulator,
  clippingScale,
  createAccumulator,
  createNorm,
  type GradientNorm,
  type Optimizer,
  optimizers,
} from './optimizers/index.js'
export { ParameterStore } from './parameters.js'
export { findImages, type Predicted, predict } from './predict.js'
export { paperConfig, resolveConfig } from './prepare.js'
export { learningRateAt, schedules } from './schedule.js'
export {
  fisherGraph,
  fisherImportance,
  type Pruned,
  prune,
  type SideInitContext,
  sideInits,
} from './sideInit/index.js'
export type { CheckpointName } from './trainedRun.js'
export { Trainer, type TrainerOptions } from './trainer.js'
export { openSession, startValues } from './weights.js'
export { soloGroup, type WorkerGroup } from './workers/group.js'
export { joinMpi, type MpiGroup } from './workers/mpi.js'
export { type MpiLaunch, mpiLaunch } from './workers/mpiLaunch.js'
export { createSharedFile, type SharedFile } from './workers/sharedFile.js'
export { joinSharedGroup, type SharedGroupOptions } from './workers/sharedMemory.js'
export { train } from './workers/supervise.js'
export { LostWorker } from './workers/watch.js'
