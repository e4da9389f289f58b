/** Settings by task and data set: what `vl-lst train --task T --dataset D` does when nothing else is said. */
import type { TrainConfig } from './config.js'

/** What is trained on where nothing is said. */
export const defaultDataSet = 'builtin'

/** The paper's settings for vision and language (vl-tasks.md §7), for one task alone. */
const paperVision: TrainConfig = {
  task: 'vqa',
  method: 'lst',
  methodOptions: { reductionFactor: 4 },
  variant: 'vision',
  backbone: 'builtin',
  tokenizer: null,
  vision: 'builtin',
  imageFit: 'squash',
  nBoxes: null,
  downsample: false,
  additionalVisualEmbeddingLayers: 0,
  dataset: defaultDataSet,
  epochs: 20,
  maxSteps: null,
  batchSize: 300,
  accumulate: 1,
  optimizer: 'adamw',
  optimizerOptions: { epsilon: 1e-6 },
  learningRate: 3e-3,
  weightDecay: 0.03,
  warmupRatio: 0.1,
  schedule: 'linear',
  maxGradNorm: 5,
  dropout: 0.1,
  evalEvery: 'epoch',
  saveEvery: 'epoch',
  keep: 2,
  seed: 9595,
  threads: null,
}

/** Learning rate and decay of each method in the paper's scripts. */
const byMethod: Readonly<Record<string, Partial<TrainConfig>>> = {
  full: { learningRate: 1e-4, weightDecay: 0.01, methodOptions: {} },
}

/** For small models and small data: many small steps. */
const small: Partial<TrainConfig> = {
  batchSize: 32,
  learningRate: 5e-4,
  dropout: 0,
  weightDecay: 0,
  warmupRatio: 0.05,
  maxGradNorm: 1,
  methodOptions: { reductionFactor: 2, tapNorm: true, gateImageRows: false },
}

/** Settings that a data set's layout brings, by the layout's name. */
const byDataSet: Readonly<Record<string, Partial<TrainConfig>>> = {
  builtin: { ...small, epochs: 7, downsample: true, nBoxes: 32 },
  jsonl: { ...small, epochs: 20 },
  'easy-vqa': {
    ...{ ...small, epochs: 6, batchSize: 64, learningRate: 3e-3 },
    methodOptions: { ...small.methodOptions, reductionFactor: 4 },
  },
}

/**
 * @param method whose options the preset is for
 * @param dataSet name of the data set's layout, where it is known
 */
export function presetFor(method: string, dataSet: string | undefined): TrainConfig {
  const data = (dataSet && byDataSet[dataSet]) || {}
  const own = byMethod[method] ?? {}
  return { ...paperVision, ...data, ...own, method }
}
