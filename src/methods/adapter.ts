/**
 * Adapters (Houlsby et al. 2019): a bottleneck at the end of sublayers, y + post(up(f(down(pre(y))))). Defaults are the
 * vision code's; `variant: text` is the code of the GLUE experiments, which has none after cross attention.
 */
import { z } from 'zod'
import { UserError } from '../base/index.js'
import { add, layerNorm, matMul, relu, type Tensor } from '../graph/index.js'
import {
  filled,
  geluNew,
  headName,
  type LinearStart,
  newLinear,
  placeOf,
  type Scope,
  type Sublayer,
  swish,
} from '../models/index.js'
import { joint } from './joint.js'
import { defineMethod, type MethodSetting, weightSets } from './method.js'
import { addedLayers, isAdded, isVisual, mayTrain, trainableLayers } from './trainable.js'

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
    return norms && /layer_?norm(_embedding)?\.(weight|bias)$/.test(name)
  },
  sites(setting) {
    const { options: given, config } = setting
    const width = Math.floor(config.dModel / given.reductionFactor)
    if (width === 0) {
      throw new UserError(
        `--reduction ${given.reductionFactor} leaves nothing of a width of ${config.dModel}: use ${config.dModel} or less`,
      )
    }
    const [down, up] = [config.dModel, width].map((from) => newLinear(config, from, given.variant))
    const start = { down: down!, up: up! }
    return {
      sublayer(y, { at, kind }) {
        const name = adapterName(at, kind, setting)
        return name === undefined ? y : adapted(y, at.at(name), width, start, setting)
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

type Starts = Readonly<Record<'down' | 'up', LinearStart>>

function adapted(
  y: Tensor,
  at: Scope,
  width: number,
  start: Starts,
  setting: MethodSetting<Options>,
): Tensor {
  const { options: given, config } = setting
  const norm = (x: Tensor, name: string) => {
    const [weight, bias] = ['weight', 'bias'].map((part, i) =>
      at.at(name).parameter(part, [config.dModel], filled(1 - i)),
    )
    return layerNorm(x, weight!, bias!, epsilon)
  }
  const { task, tasks } = weightSets(setting, given.perTask)
  const x = given.normBefore ? norm(y, 'pre_layer_norm') : y
  const sets = tasks.map((name) => {
    const own = at.at(`adapters.${name}`)
    const down = projection(own.at('down_sampler'), config.dModel, width, start.down)
    const up = projection(own.at('up_sampler'), width, config.dModel, start.up)
    return [name, (z: Tensor) => up(nonLinearities[given.nonLinearity](down(z)))] as const
  })
  const z = at.build(() => new Map(sets).get(task)!(x))
  return add(y, given.normAfter ? norm(z, 'post_layer_norm') : z)
}

function projection(at: Scope, from: number, to: number, start: LinearStart): (x: Tensor) => Tensor {
  const weight = at.parameter('weight', [to, from], start.weight)
  const bias = at.parameter('bias', [to], start.bias)
  return (x) => add(matMul(x, weight, { transposeB: true }), bias)
}
