/** Settings by task and data set: what `vl-lst train --task T --dataset D` does when nothing else is said. */
import { availableParallelism } from 'node:os'
import { canMap } from '../runtime/index.js'
import type { Task } from '../tasks/index.js'
import type { TrainConfig } from './config.js'

/** What is trained where nothing is said, and on what. */
export const defaultTask = 'vqa'
export const defaultDataSet = 'builtin'
export const defaultBackbone = 'builtin'

/** The paper's settings for vision and language, for one task alone. */
const vision: TrainConfig = {
  task: defaultTask,
  method: 'lst',
  methodOptions: {},
  variant: 'vision',
  head: 'lm',
  backbone: defaultBackbone,
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
  device: null,
  workers: 1,
  gpus: null,
  shareDevices: false,
  maxRestarts: 0,
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

/** What a preset depends on: rows of each table apply by these names. */
interface About {
  readonly method: readonly string[]
  readonly task: readonly string[]
  readonly head: readonly string[]
  /** Its `model_type`, what its size is called where that is a published one, and `tiny` where it is. */
  readonly backbone: readonly string[]
}

/** Settings, and over them those of a method, a task, a backbone, a head, in the order that they stand in. */
interface Rows {
  readonly settings?: Settings
  readonly by?: { readonly [K in keyof About]?: Readonly<Record<string, Rows>> }
}

const row = (settings: Settings): Rows => ({ settings })
const rate = (learningRate: number, more: Settings = {}): Rows => row({ learningRate, ...more })
const ladder = (methodOptions: TrainConfig['methodOptions']): Rows => ({
  by: { method: { lst: row({ methodOptions }) } },
})

/** The ladder's layers in both stacks. */
const sideLayers = (...layers: readonly number[]) =>
  ladder({ encoderSideLayers: layers, decoderSideLayers: layers })

/** GLUE's large tasks are seen half as often. */
const large = row({ epochs: 10 })

/** A ladder beside BART's encoder, under a classifier. */
const classified = (learningRate: number): Rows => ({ by: { method: { lst: rate(learningRate) } } })

/** Options of BART's scripts, which are those of adapters in vision and language (Sung et al. 2022, VL-Adapter). */
const visionBart: Rows = {
  settings: { batchSize: 500 },
  by: {
    method: {
      full: row({ taskPrompt: false }),
      adapter: rate(1e-3, { methodOptions: { reductionFactor: 8 } }),
      lora: rate(1e-3, { methodOptions: { rank: 128 } }),
      prompt: rate(1e-3),
    },
  },
}

/**
 * The paper's settings in either of its code bases, and what its scripts have of their own. Initial side weights are
 * not among them: measuring Fisher importance takes the memory of full fine-tuning before the first step.
 */
const papers: Readonly<Record<Task['variant'], Rows & { readonly settings: TrainConfig }>> = {
  vision: {
    settings: vision,
    by: {
      method: {
        lst: row({ methodOptions: { reductionFactor: 4 } }),
        full: rate(1e-4, { weightDecay: 0.01 }),
        adapter: rate(3e-4, { weightDecay: 0.01, methodOptions: { reductionFactor: 4 } }),
        lora: rate(3e-4, { weightDecay: 0.01, methodOptions: { rank: 150, alpha: 32 } }),
        bitfit: rate(3e-3, { weightDecay: 0.01 }),
        prompt: rate(3e-3, { weightDecay: 0.01, methodOptions: { promptLength: 40, promptWidth: 800 } }),
      },
      backbone: { bart: visionBart },
    },
  },
  text: {
    settings: text,
    by: {
      task: { sst2: large, qqp: large, mnli: large, qnli: large },
      method: {
        lst: row({ methodOptions: { reductionFactor: 8 } }),
        full: rate(3e-4),
        adapter: rate(3e-4, { taskPrompt: false, methodOptions: { reductionFactor: 16 } }),
        lora: rate(3e-4, { methodOptions: { rank: 32, alpha: 32 } }),
        bitfit: rate(3e-4),
        prompt: rate(0.3, { accumulate: 2, methodOptions: { promptLength: 100 } }),
      },
      backbone: {
        't5-base': sideLayers(1, 2, 3, 5, 6, 7, 9, 10, 11),
        't5-large': sideLayers(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23),
        't5-3b': sideLayers(23),
      },
      head: {
        classify: {
          settings: { epochs: 10 },
          by: {
            task: {
              cola: classified(1e-3),
              qnli: classified(1e-3),
              mnli: classified(3e-4),
              qqp: classified(3e-4),
            },
          },
        },
      },
    },
  },
}

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
/** A step of a tiny model leaves a second thread idle half of the time, a second process not (docs/results.md). */
const tiny = row({ workers: canMap && availableParallelism() > 1 ? 2 : 1 })
const smallLadder = { reductionFactor: 2, tapNorm: true, gateImageRows: false }

/** What a data set's layout brings, by the layout's name; its rates are for all methods. */
const byDataSet: Readonly<Record<string, Rows>> = {
  builtin: {
    settings: { ...small, learningRate: 7e-4, epochs: 5, downsample: true, nBoxes: 16 },
    by: { ...ladder(smallLadder).by, backbone: { tiny } },
  },
  'text-jsonl': row({ ...small, epochs: 20 }),
  jsonl: { settings: { ...small, epochs: 20 }, ...ladder(smallLadder) },
  'easy-vqa': {
    settings: { ...small, epochs: 6, batchSize: 64, learningRate: 3e-3 },
    ...ladder({ ...smallLadder, reductionFactor: 4 }),
  },
}

/**
 * The paper's settings, over them those of its scripts, over them the data set's.
 *
 * @param about.backbone names that its rows may have
 * @param about.dataSet name of the data set's layout, where it is known
 */
export function presetFor(
  { name: task, variant }: Task,
  about: {
    readonly method: string
    readonly head?: TrainConfig['head']
    readonly backbone?: readonly string[]
    readonly dataSet?: string | undefined
  },
): TrainConfig {
  const { method, head = 'lm', backbone = [], dataSet } = about
  const { settings, ...rows } = papers[variant]
  const names: About = { method: [method], task: [task], head: [head], backbone }
  const own = dataSet === undefined ? undefined : byDataSet[dataSet]
  const over = [...settingsOf(rows, names), ...(own ? settingsOf(own, names) : [])]
  const merged: TrainConfig = Object.assign({}, settings, ...over)
  const methodOptions = Object.assign({}, ...over.map((layer) => layer.methodOptions))
  return { ...merged, methodOptions, task, method, head }
}

/** The settings of the rows that apply; later ones win. */
function settingsOf({ settings, by = {} }: Rows, names: About): readonly Settings[] {
  const inner = Object.entries(by).flatMap(([kind, table]) =>
    names[kind as keyof About].flatMap((name) => (table[name] ? settingsOf(table[name], names) : [])),
  )
  return settings ? [settings, ...inner] : inner
}
