/**
 * Adapters (Houlsby et al. 2019): a bottleneck at the end of sublayers, y + post(up(f(down(pre(y))))). Defaults are the
 * vision code's; `variant: text` is the code of the GLUE experiments, which has none after cross attention.
 */
import { z } from 'zod'
import { UserError } from '../base/index.js'
import { add, relu, type Tensor } from '../graph/index.js'
import {
  addedLinear,
  centreNorm,
  geluNew,
  headName,
  placeOf,
  type Scope,
  type Sublayer,
  swish,
} from '../models/index.js'
import { joint } from './joint.js'
import { defineMethod, type MethodSetting, weightsOfTask } from './method.js'
import { addedLayers, isAdded, isLayerNorm, isVisual, mayTrain, trainableLayers } from './trainable.js'

const nonLinearities = { gelu_new: geluNew, swish, relu } as const

const options = z.strictObject({
  variant: z.enum(['vision', 'text']).default('vision'),
  /** r: a bottleneck is the backbone's width divided by r, rounded down. */
  reductionFactor: z.int().positive().default(16),
  nonLinearity: z.enum(['gelu_new', 'swish', 'relu']).default('gelu_new'),
  normBefore: z.boolean().default(false),
  normAfter: z.boolean().default(false),
  /** Adapters after cross attention too; never in the text code. */
  crossAttention: z.boolean().default(true),
  decoderAdapters: z.boolean().default(true),
  /**
   * Train the backbone's norms. `null`: as the paper's code does, which means to in all its runs, and whose vision code
   * does not find T5's.
   */
  unfreezeLayerNorms: z.boolean().nullable().default(null),
  /** Train the head (and with it, if tied, its embedding). */
  unfreezeHead: z.boolean().default(false),
  /** Weights of its own for every task; else one set for all. */
  perTask: z.boolean().default(false),
  ...trainableLayers,
  ...addedLayers,
})

type Options = z.infer<typeof options>

/** What the reference calls an adapter of the vision code, by `model_type`. */
const visionNames: Readonly<Record<string, (kind: Sublayer, stack: 'encoder' | 'decoder') => string>> = {
  t5: (kind) => ({ selfAttention: 'attn', crossAttention: 'enc_attn', feedForward: 'ff' })[kind],
  bart: (kind, stack) =>
    kind === 'selfAttention' && stack === 'decoder' ? 'self_attn' : visionNames.t5!(kind, stack),
}

const epsilon = 1e-5

export const adapter = defineMethod<Options>({
  name: 'adapter',
  summary: 'small bottlenecks inside the frozen backbone train',
  options,
  trains(name, given, config) {
    if (!mayTrain(name, given)) return false
    if (/\.(\w+_adapter|adapter_controller)\./.test(name) || isVisual(name)) return true
    if (given.unfreezeHead && name === headName(config)) return true
    const { variant, unfreezeLayerNorms } = given
    const norms = unfreezeLayerNorms ?? !(variant === 'vision' && config.modelType === 't5')
    return norms && isLayerNorm(name)
  },
  sites(setting) {
    const { options: given, config } = setting
    const width = Math.floor(config.dModel / given.reductionFactor)
    if (width === 0) {
      throw new UserError(
        `--reduction ${given.reductionFactor} leaves nothing of a width of ${config.dModel}: use ${config.dModel} or less`,
      )
    }
    return {
      sublayer(y, { at, kind }) {
        const name = adapterName(at, kind, setting)
        return name === undefined ? y : adapted(y, at.at(name), width, setting)
      },
    }
  },
  ...joint,
})

/** The name of the adapter at the end of a sublayer; none where there is no adapter. */
function adapterName(
  { path }: Scope,
  kind: Sublayer,
  { config, options: given }: MethodSetting<Options>,
): string | undefined {
  const place = placeOf(path)
  if (!place || !isAdded(place, given)) return undefined
  if (place.stack === 'decoder' && !given.decoderAdapters) return undefined
  if (kind === 'crossAttention' && (given.variant === 'text' || !given.crossAttention)) return undefined
  if (given.variant === 'vision') return `${visionNames[config.modelType]!(kind, place.stack)}_adapter`
  return 'adapter_controller'
}

function adapted(y: Tensor, at: Scope, width: number, setting: MethodSetting<Options>): Tensor {
  const { options: given, config } = setting
  const { variant, nonLinearity, normBefore, normAfter } = given
  const x = normBefore ? centreNorm(y, at.at('pre_layer_norm'), epsilon) : y
  const bottleneck = weightsOfTask(setting, given.perTask, (name) => {
    const own = at.at(`adapters.${name}`)
    const sizes = { from: config.dModel, to: width }
    const down = addedLinear(own.at('down_sampler'), sizes, { config, variant })
    const up = addedLinear(own.at('up_sampler'), { from: width, to: config.dModel }, { config, variant })
    return (rows: Tensor) => up(nonLinearities[nonLinearity](down(rows)))
  })
  const z = at.build(() => bottleneck(x))
  return add(y, normAfter ? centreNorm(z, at.at('post_layer_norm'), epsilon) : z)
}
