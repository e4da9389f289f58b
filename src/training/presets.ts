/** Settings by task and data set: what `vl-lst train --task T --dataset D` does when nothing else is said. */
import type { Task } from '../tasks/index.js'
import type { TrainConfig } from './config.js'

/** What is trained where nothing is said, and on what. */
export const defaultTask = 'vqa'
export const defaultDataSet = 'builtin'

/** The paper's settings for vision and language, for one task alone. */
const vision: TrainConfig = {
  task: defaultTask,
  method: 'lst',
  methodOptions: {},
  variant: 'vision',
  head: 'lm',
  backbone: 'builtin',
  tokenizer: null,
  vision: 'builtin',
  imageFit: 'squash',
  nBoxes: null,
  downsample: false,
  additionalVisualEmbeddingLayers: 0,
  taskPrompt: true,
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
  warmupSteps: null,
  schedule: 'linear',
  maxGradNorm: 5,
  dropout: 0.1,
  evalEvery: 'epoch',
  saveEvery: 'epoch',
  keep: 2,
  seed: 9595,
  threads: null,
}

/** The paper's settings for GLUE. Warm-up is in steps: the smallest tasks hardly leave it. */
const text: TrainConfig = {
  ...vision,
  task: 'cola',
  variant: 'text',
  vision: null,
  batchSize: 100,
  optimizerOptions: { epsilon: 1e-8 },
  weightDecay: 0,
  warmupRatio: 0,
  warmupSteps: 500,
  maxGradNorm: 1,
  seed: 0,
}

type Settings = Partial<TrainConfig>

/** The paper's settings in either of its code bases, and what each method has of its own in its scripts. */
const papers: Readonly<
  Record<
    Task['variant'],
    { readonly settings: TrainConfig; readonly byMethod: Readonly<Record<string, Settings>> }
  >
> = {
  vision: {
    settings: vision,
    byMethod: {
      lst: { methodOptions: { reductionFactor: 4 } },
      full: { learningRate: 1e-4, weightDecay: 0.01 },
      adapter: { learningRate: 3e-4, weightDecay: 0.01, methodOptions: { reductionFactor: 4 } },
      lora: { learningRate: 3e-4, weightDecay: 0.01, methodOptions: { rank: 150, alpha: 32 } },
      bitfit: { learningRate: 3e-3, weightDecay: 0.01 },
      prompt: {
        ...{ learningRate: 3e-3, weightDecay: 0.01 },
        methodOptions: { promptLength: 40, promptWidth: 800 },
      },
    },
  },
  text: {
    settings: text,
    byMethod: {
      lst: { methodOptions: { reductionFactor: 8 } },
      full: { learningRate: 3e-4 },
      adapter: { learningRate: 3e-4, taskPrompt: false },
      lora: { learningRate: 3e-4 },
      bitfit: { learningRate: 3e-4 },
      prompt: { learningRate: 0.3, accumulate: 2 },
    },
  },
}

/** GLUE's large tasks are seen half as often. */
const large: Settings = { epochs: 10 }
const byTask: Readonly<Record<string, Settings>> = { sst2: large, qqp: large, mnli: large, qnli: large }

/** For small models and small data: many small steps. */
const small: Settings = {
  batchSize: 32,
  learningRate: 5e-4,
  dropout: 0,
  weightDecay: 0,
  warmupRatio: 0.05,
  warmupSteps: null,
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
    settings: { ...small, learningRate: 7e-4, epochs: 5, downsample: true, nBoxes: 16 },
    methodOptions: { lst: smallLadder },
  },
  'text-jsonl': { settings: { ...small, epochs: 20 } },
  jsonl: { settings: { ...small, epochs: 20 }, methodOptions: { lst: smallLadder } },
  'easy-vqa': {
    settings: { ...small, epochs: 6, batchSize: 64, learningRate: 3e-3 },
    methodOptions: { lst: { ...smallLadder, reductionFactor: 4 } },
  },
}

/**
 * The paper's settings for the task, over them the method's, over them the data set's.
 *
 * @param method whose options the preset is for
 * @param dataSet name of the data set's layout, where it is known
 */
export function presetFor(
  { name: task, variant }: Task,
  method: string,
  dataSet: string | undefined,
): TrainConfig {
  const { settings, byMethod } = papers[variant]
  const own = dataSet === undefined ? undefined : byDataSet[dataSet]
  const options = own?.methodOptions?.[method]
  return {
    ...{ ...settings, ...byTask[task], ...byMethod[method], ...own?.settings, task, method },
    ...(options ? { methodOptions: options } : {}),
  }
}
