/** Methods of the cases, by the option names of the reference's two code bases. */

import { z } from 'zod'
import { type Method, methods } from '../methods/index.js'
import type { RecordedCase, Section } from './case.js'
import { NotSupported } from './notSupported.js'
import { checkOptions, noEffect, only, type Rules, readOptions, to } from './options.js'

/** How a method's options are read under one variant. */
interface Reading {
  readonly rules: Rules
  /** What the reference does where a case says nothing and the program's own default differs. */
  readonly defaults?: Options
  /** Options that the reference heeds only beside others, or on some models. */
  readonly adjust?: (options: Options, model: Section) => Options
}

type Options = Readonly<Record<string, unknown>>

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

const addedLayers: Rules = {
  task_adapter_layers_encoder: to('encoderAddedLayers'),
  task_adapter_layers_decoder: to('decoderAddedLayers'),
}
const everyLayer = { encoderAddedLayers: null, decoderAddedLayers: null }

const not = (value: unknown) => !value

const readings: Readonly<Record<string, Variants>> = {
  lst: {
    vision: { rules: { ...ladder, use_gate: to('gate', visionGate) } },
    text: {
      rules: textLadder,
      defaults: { reductionFactor: 16, gate: 'none', samplingBias: false },
      adjust: (options, model) => {
        // The head that may be unfrozen is the classifier where there is one.
        if (model.architecture !== undefined)
          return { ...options, unfreezeHead: false, freezeClassifier: options.unfreezeHead !== true }
        // T5's ladder heeds pooling with a head of its own alone.
        return options.ownHead || model.model_type !== 't5' ? options : { ...options, downsamplePool: false }
      },
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
  adapter: {
    vision: {
      rules: {
        ...name,
        use_adapter: only(true),
        reduction_factor: to('reductionFactor'),
        non_linearity: to('nonLinearity'),
        use_single_adapter: to('perTask', not),
        tasks: to('tasks'),
        add_layer_norm_before_adapter: to('normBefore'),
        add_layer_norm_after_adapter: to('normAfter'),
        add_adapter_cross_attn: to('crossAttention'),
        unfreeze_layer_norms: to('unfreezeLayerNorms'),
      },
      defaults: { perTask: true, unfreezeLayerNorms: false },
      // What the option looks for are not T5's norms.
      adjust: (options, { model_type: type }) => ({
        ...options,
        unfreezeLayerNorms: type !== 't5' && options.unfreezeLayerNorms,
      }),
    },
    text: {
      rules: {
        ...name,
        ...trainableLayers,
        ...addedLayers,
        task_reduction_factor: to('reductionFactor'),
        non_linearity: to('nonLinearity'),
        add_layer_norm_before_adapter: to('normBefore'),
        add_layer_norm_after_adapter: to('normAfter'),
        task_adapter_in_decoder: to('decoderAdapters'),
        add_adapter_in_feed_forward: only(true),
        add_adapter_in_self_attention: only(true),
        unfreeze_layer_norms: to('unfreezeLayerNorms'),
        unfreeze_lm_head: to('unfreezeHead'),
      },
      defaults: { nonLinearity: 'swish', normAfter: true, unfreezeLayerNorms: false, ...everyLayer },
    },
  },
  lora: {
    vision: {
      rules: {
        ...name,
        use_lora: only(true),
        lora_dim: to('rank'),
        lora_alpha: to('alpha'),
        use_single_lora: to('perTask', not),
        tasks: to('tasks'),
      },
      defaults: { perTask: true },
    },
    text: {
      rules: {
        ...name,
        ...trainableLayers,
        ...addedLayers,
        lora_dim: to('rank'),
        lora_alpha: only(32),
        bitfit: to('addBiases'),
        freeze_bitfit_lm_head: to('freezesHead'),
        freeze_bitfit_lm_head_all: to('freezesHeadWholly'),
      },
      defaults: { addBiases: true, ...everyLayer },
      // Every bias trains, whatever else is frozen.
      adjust: ({ freezesHead, freezesHeadWholly, ...options }) => ({
        ...options,
        head: freezesHead || freezesHeadWholly || !options.addBiases ? 'bias' : 'weight',
      }),
    },
  },
  bitfit: {
    vision: { rules: { ...name, use_bitfit: only(true) } },
    text: {
      rules: {
        ...name,
        ...trainableLayers,
        freeze_bitfit_lm_head: to('freezesHead'),
        freeze_bitfit_lm_head_all: to('freezesHeadWholly'),
      },
      adjust: ({ freezesHead, freezesHeadWholly, ...options }) => ({
        ...options,
        head: freezesHeadWholly ? 'none' : freezesHead ? 'bias' : 'weight',
      }),
    },
  },
  prompt: {
    vision: {
      rules: {
        ...name,
        encoder_prompt_len: to('promptLength'),
        decoder_prompt_len: to('decoderPromptLength'),
        mid_dim: to('promptWidth'),
        input_dim: to('width'),
        use_single_prompt: to('perTask', not),
        tasks: to('tasks'),
      },
      defaults: { perTask: true },
      adjust({ width, ...options }, { d_model: own }) {
        if (width !== undefined && width !== own) throw new NotSupported(`method option input_dim = ${width}`)
        return options
      },
    },
    text: {
      rules: { ...name, prefix_dim: to('promptLength'), init_prefix_from_vocab: noEffect },
      defaults: { promptLength: 100 },
    },
  },
  /** The backbone as it is. */
  none: { huggingface: { rules: name }, vision: { rules: name }, text: { rules: name } },
}

export interface CaseMethod {
  readonly method: Method
  readonly options: unknown
  /** Names of the tasks that weights are kept for, where a case names them. */
  readonly tasks?: readonly string[]
}

const taskList = z.array(z.string()).min(1).optional()

/** @throws {NotSupported} a method, variant or option that isn't built */
export function readMethod({ json }: RecordedCase): CaseMethod {
  if (!json.method) throw new NotSupported('a case without method')
  const { name: methodName, variant = 'vision' } = json.method
  const reading = readings[methodName]?.[variant]
  if (!reading) throw new NotSupported(`method ${methodName} (variant ${variant})`)
  const method = methodName === 'none' ? frozen(methods.get('full')) : methods.get(methodName)
  const read: Options = { ...reading.defaults, ...readOptions('method', json.method, reading.rules) }
  const { tasks: named, ...given } = reading.adjust?.(read, json.model ?? {}) ?? read
  const known = 'shape' in method.options ? (method.options.shape as object) : {}
  const options = { ...given, ...('variant' in known ? { variant } : {}) }
  const tasks = checkOptions('method', named, taskList)
  return {
    ...{ method, options: checkOptions('method', options, method.options) },
    ...(tasks ? { tasks } : {}),
  }
}

const frozen = (method: Method): Method => ({ ...method, trains: () => false })
