/** Settings by task and data set: what `vl-lst train --task T --dataset D` does when nothing else is said. */
import type { TrainConfig } from './config.js'

/** What is trained on where nothing is said. */
export const defaultDataSet = 'builtin'

/** The paper's settings for vision and language (vl-tasks.md §7), for one task alone. */
const paperVision: TrainConfig = {
  task: 'vqa',
  method: 'lst',
  methodOptions: {},
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

type Settings = Partial<TrainConfig>

/** What each method has of its own in the paper's scripts. */
const byMethod: Readonly<Record<string, Settings>> = {
  lst: { methodOptions: { reductionFactor: 4 } },
  full: { learningRate: 1e-4, weightDecay: 0.01 },
  adapter: { learningRate: 3e-4, weightDecay: 0.01, methodOptions: { reductionFactor: 4 } },
  lora: { learningRate: 3e-4, weightDecay: 0.01, methodOptions: { rank: 150, alpha: 32 } },
  bitfit: { learningRate: 3e-3, weightDecay: 0.01 },
  prompt: {
    ...{ learningRate: 3e-3, weightDecay: 0.01 },
    methodOptions: { promptLength: 40, promptWidth: 800 },
  },
}

/** For small models and small data: many small steps. */
const small: Settings = {
  batchSize: 32,
  learningRate: 5e-4,
  dropout: 0,
  weightDecay: 0,
  warmupRatio: 0.05,
  maxGradNorm: 1,
}
const smallLadder = { reductionFactor: 2, tapNorm: true, gateImageRows: false }

/** Settings that a data set's layout brings, by the layout's name: for all methods, and options of single ones. */
const byDataSet: Readonly<
  Record<
    string,
    {
      readonly settings: Settings
      readonly methodOptions?: Readonly<Record<string, Settings['methodOptions']>>
    }
  >
> = {
  builtin: {
    settings: { ...small, epochs: 7, downsample: true, nBoxes: 32 },
    methodOptions: { lst: smallLadder },
  },
  jsonl: { settings: { ...small, epochs: 20 }, methodOptions: { lst: smallLadder } },
  'easy-vqa': {
    settings: { ...small, epochs: 6, batchSize: 64, learningRate: 3e-3 },
    methodOptions: { lst: { ...smallLadder, reductionFactor: 4 } },
  },
}

/**
 * The paper's settings, over them the method's, over them the data set's.
 *
 * @param method whose options the preset is for
 * @param dataSet name of the data set's layout, where it is known
 */
export function presetFor(method: string, dataSet: string | undefined): TrainConfig {
  const own = dataSet === undefined ? undefined : byDataSet[dataSet]
  const options = own?.methodOptions?.[method]
  return {
    ...{ ...paperVision, ...byMethod[method], ...own?.settings, method },
    ...(options ? { methodOptions: options } : {}),
  }
}
