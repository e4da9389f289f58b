/**
 * LoRA (Hu et al. 2021, §4.1): y = W x + (α/r) · B A x on query and value of every attention. W is frozen; B starts at
 * zero, so the first step computes exactly the backbone's output. The vision code trains the backbone's biases
 * too; the code of the GLUE experiments (`variant: text`) gives T5 BitFit's biases and trains its position tables.
 */
import { z } from 'zod'
import { UserError } from '../base/index.js'
import { add, matMul } from '../graph/index.js'
import { filled, headName, placeOf, uniform } from '../models/index.js'
import { addedBiases } from './bitfit.js'
import { joint } from './joint.js'
import { defineMethod, type MethodSetting, type PeftForm, weightsOfTask } from './method.js'
import { addedLayers, isAdded, isVisual, mayTrain, trainableLayers } from './trainable.js'

const targets = z.enum(['query', 'key', 'value', 'output', 'feedForwardIn', 'feedForwardOut'])

const options = z.strictObject({
  variant: z.enum(['vision', 'text']).default('vision'),
  rank: z.int().positive().default(4),
  alpha: z.number().positive().default(32),
  targets: z.array(targets).default(['query', 'value']),
  /** Share of x that is dropped on its way to A, wherever anything is dropped. */
  dropout: z.number().min(0).lt(1).default(0.1),
  /**
   * Which biases train beside the updates: those that the paper's code trains (T5's position tables in the text code
   * too), or none, so that a plain text model is changed by the updates alone.
   */
  bias: z.enum(['reference', 'none']).default('reference'),
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
    if (updatePart.test(name) || isVisual(name)) return true
    if (name === headName(config)) return given.head === 'weight'
    if (given.bias === 'none') return false
    if (name.endsWith('.bias')) return true
    return given.variant === 'text' && name.endsWith('.relative_attention_bias.weight')
  },
  sites(setting) {
    const { options: given } = setting
    const { variant, rank, alpha, dropout, perTask } = given
    const biases = addsBiases(given) ? addedBiases({ variant, zeroStart: true }) : {}
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
  peft: peftForm,
  ...joint,
})

function addsBiases({ bias, addBiases, variant }: Options): boolean {
  if (bias === 'reference') return addBiases ?? variant === 'text'
  if (addBiases)
    throw new UserError('method lora: "addBiases" is set with "bias" none: leave one of them out')
  return false
}

/** Update of one linear layer: A [rank, in] or B [out, rank], one a task. */
const updatePart = /^(.+)\.lora_([AB])s\.([^.]+)$/

/** PEFT holds one update a layer: that of the run's first task. */
function peftForm({ options: given, task, tasks: [first = task] }: MethodSetting<Options>): PeftForm {
  const { rank, alpha, dropout } = given
  return {
    placeOf(name) {
      const [, layer, part, owner] = updatePart.exec(name) ?? []
      return layer !== undefined && owner === first ? { layer, weight: `lora_${part}.weight` } : undefined
    },
    fields: (layers) => ({
      ...{ peft_type: 'LORA', r: rank, lora_alpha: alpha, lora_dropout: dropout, target_modules: layers },
      ...{ bias: 'none', fan_in_fan_out: false, init_lora_weights: true, use_rslora: false, use_dora: false },
    }),
    addTo(weight, valuesOf) {
      const [a, b] = [valuesOf('lora_A.weight'), valuesOf('lora_B.weight')]
      addProduct(weight, a, b, { rank, factor: alpha / rank })
    },
  }
}

/** weight [out, in] += factor · b [out, rank] · a [rank, in], summed in float64. */
function addProduct(
  weight: Float32Array,
  a: Float32Array,
  b: Float32Array,
  { rank, factor }: { readonly rank: number; readonly factor: number },
): void {
  const width = a.length / rank
  const row = new Float64Array(width)
  for (let out = 0; out * width < weight.length; out++) {
    row.fill(0)
    for (let k = 0; k < rank; k++) {
      const scale = factor * b[out * rank + k]!
      for (let i = 0; i < width; i++) row[i]! += scale * a[k * width + i]!
    }
    for (let i = 0; i < width; i++) weight[out * width + i]! += row[i]!
  }
}
