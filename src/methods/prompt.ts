/**
 * Prompt tuning (Lester et al. 2021; Li and Liang 2021): trained rows in front of the text. The vision code makes them
 * from a small table by a network of two layers, P = W₃ tanh(W₁ E), and can put rows in front of a BART decoder's keys
 * and values too; the code of the GLUE experiments (`variant: text`) trains the rows themselves.
 */
import { z } from 'zod'
import { UserError } from '../base/index.js'
import { add, expand, reshape, type Tensor, tanh } from '../graph/index.js'
import {
  addedLinear,
  type KeyValues,
  newTable,
  normal,
  ownBias,
  runStack,
  type Scope,
  uniform,
} from '../models/index.js'
import { decode, encode } from './joint.js'
import { defineMethod, type MethodContext, weightsOfTask } from './method.js'
import { isVisual } from './trainable.js'

const options = z.strictObject({
  variant: z.enum(['vision', 'text']).default('vision'),
  /** Rows in front of the encoder's text. */
  promptLength: z.int().nonnegative().default(40),
  /** Rows in front of the decoder's keys and values: BART alone. */
  decoderPromptLength: z.int().nonnegative().default(0),
  /** Width between the two layers that make rows of the table (vision code). */
  promptWidth: z.int().positive().default(800),
  /**
   * How rows start in the text code: `noise` N(0, 1), which is what the reference's "from the vocabulary" gives, as it
   * copies before the weights are there; `uniform` ±0.5.
   */
  promptStart: z.enum(['noise', 'uniform']).default('noise'),
  /** Weights of its own for every task; else one set for all. */
  perTask: z.boolean().default(false),
})

type Options = z.infer<typeof options>
type Context = MethodContext<Options>

export const prompt = defineMethod<Options>({
  name: 'prompt',
  summary: 'rows in front of the text train',
  options,
  trains: (name) => /(^|\.)(prompt_modules\.|prefix_shared$)/.test(name) || isVisual(name),
  encode: (inputs, context) => encode(inputs, context, encoderPrompt(context, inputs.inputIds)),
  decode: (state, ids, context) => decode(state, ids, context, decoderPast(context, ids)),
})

/** @returns [batch, length, d] */
function encoderPrompt(context: Context, ids: Tensor): Tensor | undefined {
  const { root, model, config, options: given } = context
  if (given.promptLength === 0) {
    if (given.decoderPromptLength > 0) return undefined
    throw new UserError('method prompt: "promptLength" is 0, so nothing would train: give it a length')
  }
  if (given.variant === 'vision') {
    return forAll(made(context, model.encoder.at, given.promptLength), ids)
  }
  const start = given.promptStart === 'noise' ? normal(1) : uniform(0.5)
  return forAll(root.parameter('prefix_shared', [given.promptLength, config.dModel], start), ids)
}

/** Keys and values of each layer, from a run of the decoder on the prompt alone, without cross attention. */
function decoderPast(context: Context, ids: Tensor): readonly KeyValues[] | undefined {
  const { model, options: given } = context
  const { decoder } = model
  const length = given.decoderPromptLength
  if (length === 0) return undefined
  const positions = decoder.positions(length)
  if (!positions || given.variant === 'text') {
    throw new UserError(
      `method prompt: "decoderPromptLength" is ${length}: only BART's decoder takes prompts, and in variant vision: set it to 0`,
    )
  }
  const past: KeyValues[] = []
  const rows = add(forAll(made(context, model.at, length), ids), positions)
  runStack(decoder.enter(rows), decoder, {
    bias: ownBias(decoder, { length }),
    onKeyValues: (layer) => past.push(layer),
  })
  return past
}

/** P = W₃ tanh(W₁ E) of the task's own table, [length, d]; the reference's names. */
function made(context: Context, at: Scope, length: number): Tensor {
  const { config, options: given } = context
  const { variant, promptWidth: between, perTask } = given
  return weightsOfTask(context, perTask, (name) => {
    const own = at.at(`prompt_modules.prompts.${name}.prefix_embedding`)
    const table = own.at(0).parameter('weight', [length, config.dModel], newTable(config))
    const wide = addedLinear(own.at(1), { from: config.dModel, to: between }, { config, variant })
    const narrow = addedLinear(own.at(3), { from: between, to: config.dModel }, { config, variant })
    return narrow(tanh(wide(table)))
  })
}

/** The same rows for every sample: [length, d] → [batch, length, d]. */
function forAll(rows: Tensor, { shape: [batch] }: Tensor): Tensor {
  const [length, width] = rows.shape
  return expand(reshape(rows, [1, length!, width!]), [batch!, length!, width!])
}
