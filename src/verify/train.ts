/** The `train` section, in the dialects of both code bases. */
import { z } from 'zod'
import { learningRateAt, optimizers, schedules } from '../training/index.js'
import type { RecordedCase, Section } from './case.js'
import { NotSupported } from './notSupported.js'
import { checkOptions, only, type Rules, readOptions, to } from './options.js'

const rules: Rules = {
  optimizer: to('optimizer'),
  variant: to('variant'),
  clamp_logit_scale: to('clampLogitScale'),
  lr: to('learningRate'),
  learning_rate: to('learningRate'),
  betas: to('betas'),
  adam_beta1: to('beta1'),
  adam_beta2: to('beta2'),
  eps: to('epsilon'),
  adam_epsilon: to('epsilon'),
  weight_decay: to('weightDecay'),
  no_decay: to('noDecay'),
  clip_grad_norm: to('maxGradNorm'),
  max_grad_norm: to('maxGradNorm'),
  schedule: to('schedule'),
  warmup_steps: to('warmupSteps'),
  total_steps: to('totalSteps'),
  steps: to('steps'),
  accumulate: to('accumulate'),
  epochs: to('epochs'),
  steps_per_epoch: to('stepsPerEpoch'),
  dropout: only(false, 0),
}

const count = z.int().nonnegative()

const schema = z.object({
  optimizer: z.string().default('adamw'),
  /** The form of AdamW. */
  variant: z.enum(['hf', 'torch']).default('hf'),
  learningRate: z.number().default(0),
  betas: z.tuple([z.number(), z.number()]).optional(),
  beta1: z.number().default(0.9),
  beta2: z.number().default(0.999),
  epsilon: z.number(),
  weightDecay: z.number(),
  noDecay: z.union([z.array(z.string()), z.enum(['none', 'ndim<2'])]).default(['bias', 'LayerNorm.weight']),
  clampLogitScale: z.number().optional(),
  maxGradNorm: z.number(),
  schedule: z.string().default('linear'),
  warmupSteps: count.default(0),
  totalSteps: count.default(0),
  steps: count,
  accumulate: count.min(1).default(1),
  epochs: count.min(1).optional(),
  stepsPerEpoch: count.min(1).default(1),
})

/** What each code base does where a case says nothing. */
const defaults = {
  vision: { epsilon: 1e-6, weightDecay: 0.01, maxGradNorm: -1 },
  text: { epsilon: 1e-8, weightDecay: 0, maxGradNorm: 1 },
} as const

/** The options that each optimizer takes from a case. */
const optimizerOptions: Readonly<Record<string, readonly ('beta1' | 'beta2' | 'epsilon' | 'weightDecay')[]>> =
  {
    adamw: ['beta1', 'beta2', 'epsilon', 'weightDecay'],
    adafactor: ['weightDecay'],
  }

export interface TrainSettings {
  readonly steps: number
  /** Parts that a step's batch is cut into. */
  readonly accumulate: number
  readonly optimizer: { readonly name: string; readonly options: Readonly<Record<string, number>> }
  readonly maxGradNorm: number
  readonly epochs: number | undefined
  readonly stepsPerEpoch: number
  readonly weightDecay: number
  rateAt(step: number): number
  decays(name: string, shape: readonly number[]): boolean
  /** Parameters that every update leaves between two bounds. */
  readonly clamps: readonly (readonly [name: string, bounds: readonly [low: number, high: number]])[]
}

/** A case that says nothing of training looks at one step and updates nothing. */
const noTraining = { steps: 0 } as const

/** @throws {NotSupported} an optimizer, schedule or option that isn't built */
export function readTrain(
  { json }: RecordedCase,
  section: Section = json.train ?? noTraining,
): TrainSettings {
  const dialect = Object.hasOwn(section, 'learning_rate') ? 'text' : 'vision'
  const given = { ...defaults[dialect], ...readOptions('train', section, rules) }
  const {
    betas,
    optimizer: base,
    variant,
    schedule: scheduleName,
    noDecay,
    clampLogitScale,
    ...read
  } = checkOptions('train', given, schema)
  const known = optimizerOptions[base]
  const optimizer = variant === 'torch' ? `${base}-torch` : base
  if (!known || !optimizers.names.includes(optimizer)) throw new NotSupported(`optimizer ${optimizer}`)
  if (!schedules.names.includes(scheduleName)) throw new NotSupported(`schedule ${scheduleName}`)
  const schedule = schedules.get(scheduleName)
  const options = { ...read, ...(betas ? { beta1: betas[0], beta2: betas[1] } : {}) }
  return {
    ...read,
    epochs: read.epochs,
    optimizer: { name: optimizer, options: Object.fromEntries(known.map((name) => [name, options[name]])) },
    rateAt: (step) => learningRateAt(step, schedule, read),
    decays: decayRule(noDecay),
    clamps: clampLogitScale === undefined ? [] : [['logit_scale', [0, clampLogitScale]]],
  }
}

function decayRule(noDecay: z.infer<typeof schema>['noDecay']): TrainSettings['decays'] {
  if (noDecay === 'none') return () => true
  if (noDecay === 'ndim<2') return (_, shape) => shape.length >= 2
  return (name) => !noDecay.some((part) => name.includes(part))
}
