/**
 * BitFit (Ben Zaken et al. 2022): biases alone train. T5 has none, so the reference adds one to every linear layer of
 * its blocks, to norms and to the head.
 */
import { z } from 'zod'
import { add, type Tensor } from '../graph/index.js'
import {
  filled,
  headName,
  type Initializer,
  type LinearRole,
  placeOf,
  type Scope,
  type Sites,
  uniform,
} from '../models/index.js'
import { joint } from './joint.js'
import { defineMethod } from './method.js'
import { isLayerNorm, isVisual, mayTrain, trainableLayers } from './trainable.js'

const options = z.strictObject({
  variant: z.enum(['vision', 'text']).default('vision'),
  /** What of the head trains: its weight (if tied, the embedding) and bias, its bias, or nothing. */
  head: z.enum(['weight', 'bias', 'none']).default('bias'),
  /** New biases start at 0. The vision code draws those of attention and head at random. */
  zeroStart: z.boolean().default(false),
  /** Train the backbone's norms whole, not their biases alone. The reference does not. */
  unfreezeLayerNorms: z.boolean().default(false),
  ...trainableLayers,
})

type Options = z.infer<typeof options>

export const bitfit = defineMethod<Options>({
  name: 'bitfit',
  summary: 'biases alone train; T5, which has none, gets them',
  options,
  trains(name, given, config) {
    if (!mayTrain(name, given)) return false
    if (name === headName(config)) return given.head === 'weight'
    if (name === 'lm_head.bias') return given.head !== 'none'
    if (given.unfreezeLayerNorms && isLayerNorm(name)) return true
    return name.endsWith('.bias') || isVisual(name)
  },
  sites: ({ options: given }) => addedBiases(given),
  ...joint,
})

/** Linear layers whose new bias the vision code leaves as PyTorch makes it. */
const drawn: readonly LinearRole[] = ['query', 'key', 'value', 'output', 'head']

/** A bias wherever there is none. The text code leaves out the norms at the end of the stacks. */
export function addedBiases({ variant, zeroStart }: Pick<Options, 'variant' | 'zeroStart'>): Sites {
  const bias = (y: Tensor, at: Scope, start: Initializer) =>
    add(y, at.parameter('bias', [y.shape.at(-1) as number], start))
  return {
    linear(y, x, { at, role, hasBias }) {
      if (hasBias) return y
      const isDrawn = variant === 'vision' && !zeroStart && drawn.includes(role)
      return bias(y, at, isDrawn ? uniform((x.shape.at(-1) as number) ** -0.5) : filled(0))
    },
    norm(y, { at, hasBias }) {
      const left = variant === 'text' && placeOf(at.path) === undefined
      return hasBias || left ? y : bias(y, at, filled(0))
    },
  }
}
