/** Methods of the cases, by the option names of the reference's two code bases. */

import { type Method, methods } from '../methods/index.js'
import type { RecordedCase } from './case.js'
import { NotSupported } from './notSupported.js'
import { checkOptions, noEffect, only, type Rules, readOptions, to } from './options.js'

/** How a method's options are read under one variant. */
interface Reading {
  readonly rules: Rules
  /** What the reference does where a case says nothing and the program's own default differs. */
  readonly defaults?: Readonly<Record<string, unknown>>
  /** Options that the reference heeds only beside others. */
  readonly adjust?: (options: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>
}

type Variants = Readonly<Record<string, Reading>>

const name: Rules = { name: noEffect, variant: noEffect }

const ladder: Rules = {
  ...name,
  task_reduction_factor: to('reductionFactor'),
  reduction_factor: to('reductionFactor'),
  side_reduction_factor: to('reductionFactor'),
  gate_T: to('gateTemperature'),
  gate_alpha: to('gateAlpha'),
  add_residual_after: to('residualAfter'),
  side_downsample_pool: to('downsamplePool'),
  add_bias_sampling: to('samplingBias'),
  encoder_side_layers: to('encoderSideLayers'),
  decoder_side_layers: to('decoderSideLayers'),
  use_side_transformers: only(true),
  // The weights that pruning gave are in the case.
  load_side_pretrained_weights: noEffect,
  samples_for_fisher: noEffect,
}

const textLadder: Rules = {
  ...ladder,
  use_gate: to('gate'),
  merge_last: to('mergeLast'),
  create_side_lm: to('ownHead'),
  freeze_side_lm: to('freezeOwnHead'),
  unfreeze_lm_head: to('unfreezeHead'),
  lambda_distill: to('lambdaDistill'),
  lambda_label: to('lambdaLabel'),
  trainable_encoder_layers: only(null),
  trainable_decoder_layers: only(null),
  init_side_downsampling: noEffect,
  weight_scale: noEffect,
}

/** The vision code knows no schedule: whatever is called one is a gate of its own that stays 1. */
const visionGate = (gate: unknown) => (/schedule/.test(String(gate)) ? 'schedule-linear' : gate)

const trainableLayers: Rules = {
  trainable_encoder_layers: to('encoderTrainableLayers'),
  trainable_decoder_layers: to('decoderTrainableLayers'),
}

const readings: Readonly<Record<string, Variants>> = {
  lst: {
    vision: { rules: { ...ladder, use_gate: to('gate', visionGate) } },
    text: {
      rules: textLadder,
      defaults: { reductionFactor: 16, gate: 'none', samplingBias: false },
      adjust: (options) => (options.ownHead ? options : { ...options, downsamplePool: false }),
    },
  },
  full: {
    vision: { rules: { ...name, unfreeze_language_model: only(true) } },
    text: {
      rules: {
        ...name,
        ...trainableLayers,
        freeze_lm_head: to('freezeHead'),
        unfreeze_lm_head: only(false),
      },
    },
    huggingface: { rules: name },
  },
  /** The backbone as it is. */
  none: { huggingface: { rules: name }, vision: { rules: name }, text: { rules: name } },
}

export interface CaseMethod {
  readonly method: Method
  readonly options: unknown
}

/** @throws {NotSupported} a method, variant or option that isn't built */
export function readMethod({ json }: RecordedCase): CaseMethod {
  if (!json.method) throw new NotSupported('a case without method')
  const { name: methodName, variant = 'vision' } = json.method
  const reading = readings[methodName]?.[variant]
  if (!reading) throw new NotSupported(`method ${methodName} (variant ${variant})`)
  const method = methodName === 'none' ? frozen(methods.get('full')) : methods.get(methodName)
  const given = { ...reading.defaults, ...readOptions('method', json.method, reading.rules) }
  const options = { ...(reading.adjust?.(given) ?? given), ...(methodName === 'lst' ? { variant } : {}) }
  return { method, options: checkOptions('method', options, method.options) }
}

const frozen = (method: Method): Method => ({ ...method, trains: () => false })
