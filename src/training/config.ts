/** What a training run is told: one typed object, from a preset, a configuration file and the command line. */
import { z } from 'zod'
import { nearest, UserError } from '../base/index.js'
import { methods } from '../methods/index.js'
import { deviceKinds } from '../runtime/index.js'
import { tasks } from '../tasks/index.js'
import { optimizers } from './optimizers/index.js'
import { schedules } from './schedule.js'
import { checkWorkers } from './workers/devices.js'

const every = z.union([z.literal('epoch'), z.int().positive()])

export const configSchema = z.strictObject({
  task: z.string(),
  method: z.string(),
  /** Options of the method, by the names of its own table. */
  methodOptions: z.record(z.string(), z.unknown()),
  variant: z.enum(['vision', 'text']),
  /** What answers: the decoder's language model in words, or a classifier over the encoder. */
  head: z.enum(['lm', 'classify']),
  backbone: z.string(),
  tokenizer: z.string().nullable(),
  /** Null: the task has no pictures. */
  vision: z.string().nullable(),
  /** How a picture becomes the square that a network wants. */
  imageFit: z.enum(['squash', 'crop']),
  nBoxes: z.int().positive().nullable(),
  downsample: z.boolean(),
  /** Layers of Linear, ReLU and norm behind the projection of pictures (the reference's option). */
  additionalVisualEmbeddingLayers: z.int().nonnegative(),
  /** Whether texts begin with the task's prompt. */
  taskPrompt: z.boolean(),
  dataset: z.string(),
  epochs: z.number().positive(),
  maxSteps: z.int().positive().nullable(),
  /** Samples of one step, all workers and accumulated parts together. */
  batchSize: z.int().positive(),
  /** Parts that a step's batch is cut into, one after the other. */
  accumulate: z.int().positive(),
  optimizer: z.string(),
  optimizerOptions: z.record(z.string(), z.number()),
  learningRate: z.number().positive(),
  weightDecay: z.number().nonnegative(),
  warmupRatio: z.number().min(0).max(1),
  /** In place of the ratio, where it isn't null. */
  warmupSteps: z.int().nonnegative().nullable(),
  schedule: z.string(),
  maxGradNorm: z.number(),
  dropout: z.number().min(0).lt(1),
  evalEvery: every,
  saveEvery: every,
  /** Checkpoints that are kept besides the best one. */
  keep: z.int().positive(),
  seed: z.int().nonnegative(),
  /** Of each worker; null: the cores of this machine, shared among the workers. */
  threads: z.int().positive().nullable(),
  /** What computes; null: the processor, or with `gpus` what is here. */
  device: z.enum(deviceKinds).nullable(),
  /** Processes that train together. */
  workers: z.int().positive(),
  /** Numbers of devices that train together, a process each. */
  gpus: z.array(z.int().nonnegative()).min(1).nullable(),
  /** Whether several of them may be one physical device. */
  shareDevices: z.boolean(),
  /** How often workers that died are started again. */
  maxRestarts: z.int().nonnegative(),
})

export type TrainConfig = z.infer<typeof configSchema>
export type PartialConfig = { readonly [K in keyof TrainConfig]?: TrainConfig[K] | undefined }

/** What says how the machine is used: a preset's number of workers is for runs that say nothing of it. */
const spread = ['workers', 'gpus', 'device', 'threads'] as const

/**
 * A preset with what was said over it, checked.
 *
 * @throws {UserError} the first field that is unknown or of the wrong kind, by the name of its option
 */
export function mergeConfig(preset: TrainConfig, ...over: readonly PartialConfig[]): TrainConfig {
  const merged: Record<string, unknown> = { ...preset, workers: 1 }
  for (const layer of over) {
    if (layer.warmupRatio !== undefined) merged.warmupSteps = null
    if (layer.gpus) merged.workers = 1
    else if (layer.workers !== undefined || layer.device === 'cpu') merged.gpus = null
    if (layer.gpus && merged.device === 'cpu') merged.device = null
    for (const [name, value] of Object.entries(layer)) if (value !== undefined) merged[name] = value
  }
  if (!over.some((layer) => spread.some((field) => layer[field] != null)))
    merged.workers = Math.min(preset.workers, Number(merged.batchSize) || 1)
  merged.methodOptions = Object.assign({}, ...[preset, ...over].map(({ methodOptions }) => methodOptions))
  if (merged.optimizer !== preset.optimizer) {
    merged.optimizerOptions = Object.assign({}, ...over.map(({ optimizerOptions }) => optimizerOptions))
  }
  const parsed = configSchema.safeParse(merged)
  if (!parsed.success) throw new UserError(describe(parsed.error.issues[0]!))
  const config = parsed.data
  tasks.get(config.task)
  optimizers.get(config.optimizer)
  schedules.get(config.schedule)
  checkWorkers(config)
  return { ...config, methodOptions: methodOptionsOf(config) }
}

/** The options of the configured method, with its defaults. @throws {UserError} an unknown or bad one */
function methodOptionsOf({ method, methodOptions, variant }: TrainConfig): Record<string, unknown> {
  const { options } = methods.get(method)
  const known = options instanceof z.ZodObject ? Object.keys(options.shape) : []
  const given = known.includes('variant') ? { ...methodOptions, variant } : methodOptions
  const unknown = Object.keys(given).find((name) => !known.includes(name))
  if (unknown !== undefined) {
    const near = nearest(unknown, known)
    throw new UserError(
      `method ${method} has no option "${unknown}"${near ? `; the nearest is "${near}"` : ''} (all: ${known.join(', ')})`,
    )
  }
  const parsed = options.safeParse(given)
  if (parsed.success) return parsed.data as Record<string, unknown>
  const [issue] = parsed.error.issues
  throw new UserError(`method ${method}: "${issue!.path.join('.')}": ${issue!.message}`)
}

function describe(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    const [key] = issue.keys
    const near = nearest(key!, Object.keys(configSchema.shape))
    return `unknown setting "${key}"${near ? `; the nearest is "${near}"` : ''}`
  }
  return `"${issue.path.join('.')}": ${issue.message}`
}
