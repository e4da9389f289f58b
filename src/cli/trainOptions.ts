/** Every setting of a training run as an option: one row each, by the field that it sets. */
import type { Options } from 'yargs'
import type { z } from 'zod'
import { visionEncoders } from '../../vl/index.js'
import { kebab } from '../base/index.js'
import { methods } from '../methods/index.js'
import { tasks } from '../tasks/index.js'
import { optimizers, schedules, sideInits, type TrainConfig } from '../training/index.js'
import { deviceOption } from './device.js'
import { type Kind, kinds } from './kinds.js'

export interface Row {
  readonly kind: Kind
  readonly describe: string
}

/** Fields that hold several settings: they have no option of their own, and a map in a configuration file. */
type MapField = 'methodOptions' | 'optimizerOptions'
export type OptionField = Exclude<keyof TrainConfig, MapField>

export interface ConfigRow extends Row {
  /** Heading in `--help`. */
  readonly group: string
}

const data = 'Data:'
const model = 'Model:'
const training = 'Training:'
const saving = 'Evaluating and saving:'
const workers = 'Workers:'

import { everywhere } from './headings.js'

/** Options of the configuration itself: `batchSize` is `--batch-size`. */
export const configRows: Readonly<Record<OptionField, ConfigRow>> = {
  task: { group: data, kind: kinds.text, describe: `what to learn: ${tasks.names.join(', ')}` },
  dataset: { group: data, kind: kinds.text, describe: 'a folder or file with a data set' },
  variant: {
    group: data,
    kind: kinds.choice,
    describe: "which of the paper's two code bases decides details: vision or text",
  },
  head: {
    group: model,
    kind: kinds.choice,
    describe: "what answers: lm: the decoder, in words; classify: a classifier over BART's encoder",
  },
  method: {
    group: model,
    kind: kinds.text,
    describe: methods.entries.map(({ name, summary }) => `${name}: ${summary}`).join('; '),
  },
  backbone: {
    group: model,
    kind: kinds.text,
    describe:
      'builtin (a small T5), builtin-bart, a Hugging Face folder of T5 or BART, or random:NAME (random:t5-base): ' +
      'seeded weights of that shape',
  },
  tokenizer: {
    group: model,
    kind: kinds.text,
    describe: "a folder with tokenizer.json, or that file; default: the backbone's",
  },
  vision: {
    group: model,
    kind: kinds.text,
    describe: `what turns a picture into rows: ${visionEncoders.names.join(', ')}, or the folder of a CLIP`,
  },
  imageFit: {
    group: model,
    kind: kinds.choice,
    describe:
      "squash: pictures lose their aspect ratio, as the paper's do; crop: their edges, as CLIP's own do",
  },
  additionalVisualEmbeddingLayers: {
    group: model,
    kind: kinds.wholeFromZero,
    describe: 'layers of Linear, ReLU and norm behind the projection of pictures',
  },
  nBoxes: { group: model, kind: kinds.wholeOrNone, describe: 'rows that --downsample leaves of a picture' },
  downsample: {
    group: model,
    kind: kinds.flag,
    describe: 'pool the rows of a picture to --n-boxes (on|off)',
  },
  taskPrompt: {
    group: data,
    kind: kinds.flag,
    describe: "begin texts with the task's prompt (on|off)",
  },
  epochs: { group: training, kind: kinds.positive, describe: 'times that the training split is seen' },
  maxSteps: { group: training, kind: kinds.wholeOrNone, describe: 'end after so many steps' },
  batchSize: { group: training, kind: kinds.whole, describe: 'samples of one step' },
  accumulate: {
    group: training,
    kind: kinds.whole,
    describe: "cut a step's samples into so many parts: less memory, same result",
  },
  learningRate: { group: training, kind: kinds.positive, describe: 'its peak, such as 3e-3' },
  weightDecay: { group: training, kind: kinds.fromZero, describe: 'decoupled from the gradient' },
  warmupRatio: { group: training, kind: kinds.share, describe: 'share of the steps in which the rate rises' },
  warmupSteps: {
    group: training,
    kind: kinds.wholeFromZeroOrNone,
    describe: 'steps in which the rate rises, in place of a share of them',
  },
  schedule: {
    group: training,
    kind: kinds.text,
    describe: `how the rate falls: ${schedules.names.join(', ')}`,
  },
  maxGradNorm: { group: training, kind: kinds.any, describe: 'clip gradients to this norm; 0: never' },
  dropout: { group: training, kind: kinds.belowOne, describe: 'share of activations that are dropped' },
  optimizer: { group: training, kind: kinds.text, describe: optimizers.names.join(' or ') },
  evalEvery: { group: saving, kind: kinds.steps, describe: 'score the validation split after so many steps' },
  saveEvery: { group: saving, kind: kinds.steps, describe: 'write a checkpoint after so many steps' },
  keep: { group: saving, kind: kinds.whole, describe: 'checkpoints to keep besides the best one' },
  device: { group: workers, kind: kinds.device, describe: deviceOption.device.describe },
  workers: { group: workers, kind: kinds.whole, describe: 'processes that train together' },
  gpus: {
    group: workers,
    kind: kinds.devices,
    describe: 'one worker a device: 0,1; without --device those of CUDA, else of WebGPU',
  },
  shareDevices: {
    group: workers,
    kind: kinds.flag,
    describe: 'several workers may use one physical device (on|off)',
  },
  maxRestarts: {
    group: workers,
    kind: kinds.wholeFromZero,
    describe: 'start again from the last checkpoint so often, when a worker dies or hangs',
  },
  threads: { group: everywhere, kind: kinds.wholeOrNone, describe: 'threads of one worker' },
  seed: { group: everywhere, kind: kinds.wholeFromZero, describe: 'what all randomness comes from' },
}

export interface MethodRow extends Row {
  readonly name: string
  /** The method's own name for it; several methods may share one. */
  readonly field: string
}

/** The methods' options that the command line has; the others are set in a configuration file. */
export const methodRows: readonly MethodRow[] = [
  {
    name: 'reduction',
    field: 'reductionFactor',
    kind: kinds.whole,
    describe: "the backbone's width divided by the ladder's, or by an adapter's",
  },
  { name: 'rank', field: 'rank', kind: kinds.whole, describe: 'rank of the updates' },
  {
    name: 'lora-bias',
    field: 'bias',
    kind: kinds.choice,
    describe:
      "biases that train beside the updates: reference, the paper's; or none, so that PEFT and merge lose nothing",
  },
  {
    name: 'prompt-length',
    field: 'promptLength',
    kind: kinds.wholeFromZero,
    describe: 'rows in front of the text',
  },
  {
    name: 'unfreeze-layer-norms',
    field: 'unfreezeLayerNorms',
    kind: kinds.flag,
    describe: "train the backbone's norms too (on|off); without it as the paper's code does",
  },
  { name: 'gates', field: 'gate', kind: kinds.choice, describe: 'how a tap and the ladder are mixed' },
  {
    name: 'tap-norm',
    field: 'tapNorm',
    kind: kinds.flag,
    describe: "normalise the backbone's outputs before they are scaled down (on|off)",
  },
  {
    name: 'gate-image-rows',
    field: 'gateImageRows',
    kind: kinds.flag,
    describe: 'gate the rows of pictures too (on|off)',
  },
  {
    name: 'encoder-side-layers',
    field: 'encoderSideLayers',
    kind: kinds.layers,
    describe: 'encoder layers that the ladder keeps: 0,2,4, none or all',
  },
  {
    name: 'decoder-side-layers',
    field: 'decoderSideLayers',
    kind: kinds.layers,
    describe: 'decoder layers that the ladder keeps: 0,2,4, none or all',
  },
  {
    name: 'side-init',
    field: 'sideInit',
    kind: kinds.text,
    describe: `what the ladder's weights start from: random, a file of vl-lst prune, or ${sideInits.names.join(', ')}`,
  },
  {
    name: 'encoder-trainable-layers',
    field: 'encoderTrainableLayers',
    kind: kinds.layers,
    describe: 'encoder layers that train: 0,2,4, none or all',
  },
  {
    name: 'decoder-trainable-layers',
    field: 'decoderTrainableLayers',
    kind: kinds.layers,
    describe: 'decoder layers that train: 0,2,4, none or all',
  },
]

/** Schemas of a method's options, by its own names. */
export function methodFields(method: string): Readonly<Record<string, z.ZodType>> {
  const { options } = methods.get(method)
  return 'shape' in options ? (options.shape as Record<string, z.ZodType>) : {}
}

/** Names of the methods that have an option. */
export function methodsWith(field: string): readonly string[] {
  return methods.names.filter((name) => field in methodFields(name))
}

/** Fields of the configuration by the names of their options. */
export const fieldOfOption: ReadonlyMap<string, OptionField> = new Map(
  (Object.keys(configRows) as OptionField[]).map((field) => [kebab(field), field]),
)

/** What yargs knows of a row; only a flag may stand without a value. */
export function yargsOption({ kind, describe }: Row, group: string): Options {
  return { group, describe, type: 'string', ...(kind === kinds.flag ? {} : { requiresArg: true }) }
}
