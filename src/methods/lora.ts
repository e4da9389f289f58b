/**
 * LoRA (Hu et al. 2021, §4.1): y = W x + (α/r) · B A x on query and value of every attention. W is frozen; B starts at
 * zero, so the first step computes exactly the backbone's output. The vision code trains the backbone's biases
 * too; the code of the GLUE experiments (`variant: text`) gives T5 BitFit's biases and trains its position tables.
 */
import { z } from 'zod'
import { add, matMul } from '../graph/index.js'
import { filled, headName, placeOf, uniform } from '../models/index.js'
import { addedBiases } from './bitfit.js'
import { joint } from './joint.js'
import { defineMethod, weightsOfTask } from './method.js'
import { addedLayers, isAdded, isVisual, mayTrain, trainableLayers } from './trainable.js'

const targets = z.enum(['query', 'key', 'value', 'output', 'feedForwardIn', 'feedForwardOut'])

const options = z.strictObject({
  variant: z.enum(['vision', 'text']).default('vision'),
  rank: z.int().positive().default(4),
  alpha: z.number().positive().default(32),
  targets: z.array(targets).default(['query', 'value']),
  /** Share of x that is dropped on its way to A, wherever anything is dropped. */
  dropout: z.number().min(0).lt(1).default(0.1),
  /** Give T5 biases. `null`: as the code base does, the text code alone. */
  addBiases: z.boolean().nullable().default(null),
  /** What of the head trains: its weight (if tied, the embedding) and bias, or its bias. */
  head: z.enum(['weight', 'bias']).default('bias'),
  /** Weights of its own for every task; else one set for all. */
  perTask: z.boolean().default(false),
  ...trainableLayers,
  ...addedLayers,
})

type Options = z.infer<typeof options>

export const lora = defineMethod<Options>({
  name: 'lora',
  summary: 'updates of low rank of attention’s queries and values train',
  options,
  trains(name, given, config) {
    if (!mayTrain(name, given)) return false
    if (/\.lora_[AB]s\./.test(name) || name.endsWith('.bias') || isVisual(name)) return true
    if (name === headName(config)) return given.head === 'weight'
    return given.variant === 'text' && name.endsWith('.relative_attention_bias.weight')
  },
  sites(setting) {
    const { options: given } = setting
    const { variant, rank, alpha, dropout, perTask } = given
    const biases = (given.addBiases ?? variant === 'text') ? addedBiases({ variant, zeroStart: true }) : {}
    return {
      ...biases,
      linear(product, x, site) {
        const { at, role } = site
        const y = biases.linear?.(product, x, site) ?? product
        const place = placeOf(at.path)
        if (!given.targets.some((target) => target === role) || !place || !isAdded(place, given)) return y
        const [width, out] = [x.shape.at(-1) as number, y.shape.at(-1) as number]
        const { a, b } = weightsOfTask(setting, perTask, (name) => ({
          a: at.at('lora_As').parameter(name, [rank, width], uniform(width ** -0.5)),
          b: at.at('lora_Bs').parameter(name, [out, rank], filled(0)),
        }))
        const dropped = dropout > 0 ? at.dropout(x, dropout) : x
        const low = matMul(dropped, a, { transposeB: true })
        return add(y, matMul(low, b, { transposeB: true, alpha: alpha / rank }))
      },
    }
  },
  ...joint,
})
