/** A backbone as pruning sees it: which matrices read the width of its states, and which write it. */
import { UserError } from '../base/index.js'
import type { BackboneConfig, T5Config } from '../models/index.js'

/**
 * A sublayer: its norm, matrices from the width to a width of its own, and one that leads back. All hold [out, in].
 */
export interface Sublayer {
  readonly norm: string
  /** [inner, width]: q, k, v of an attention, or the first of a feed forward (two where it is gated). */
  readonly into: readonly string[]
  /** [width, inner] */
  readonly out: string
  /** Whether the inner width is cut into heads. */
  readonly attention: boolean
}

export interface StackLayout {
  readonly sublayers: readonly Sublayer[]
  readonly finalNorm: string
}

export interface Layout {
  /** [vocabulary, width] */
  readonly tokenTable: string
  /** The encoder, then the decoder. */
  readonly stacks: readonly StackLayout[]
  readonly heads: number
}

/** How backbones are laid out, by `model_type`. */
const layouts: Readonly<Record<string, (config: BackboneConfig) => Layout>> = {
  t5: (config) => t5Layout(config as T5Config),
}

/** @throws {UserError} an architecture whose rows can't be chosen yet */
export function layoutOf(config: BackboneConfig): Layout {
  const layout = layouts[config.modelType]
  if (!layout) {
    const known = Object.keys(layouts).join(', ')
    throw new UserError(
      `a backbone of type ${config.modelType} can't be pruned (only ${known}): start the ladder with --side-init random`,
    )
  }
  return layout(config)
}

/** By Hugging Face's names. */
function t5Layout(config: T5Config): Layout {
  return {
    tokenTable: 'shared.weight',
    stacks: [
      stack('encoder', config.numLayers, ['SelfAttention'], config),
      stack('decoder', config.numDecoderLayers, ['SelfAttention', 'EncDecAttention'], config),
    ],
    heads: config.numHeads,
  }
}

function stack(
  name: string,
  layers: number,
  attentions: readonly string[],
  { feedForwardProj }: T5Config,
): StackLayout {
  const wide = feedForwardProj === 'relu' ? ['wi'] : ['wi_0', 'wi_1']
  const blocks = Array.from({ length: layers }, (_, layer) => [
    ...attentions.map((attention, i) =>
      sublayer(`${name}.block.${layer}.layer.${i}`, attention, ['q', 'k', 'v'], 'o'),
    ),
    sublayer(`${name}.block.${layer}.layer.${attentions.length}`, 'DenseReluDense', wide, 'wo'),
  ])
  return { sublayers: blocks.flat(), finalNorm: `${name}.final_layer_norm.weight` }
}

function sublayer(at: string, module: string, into: readonly string[], out: string): Sublayer {
  const weight = (name: string) => `${at}.${module}.${name}.weight`
  return {
    norm: `${at}.layer_norm.weight`,
    into: into.map(weight),
    out: weight(out),
    attention: module.endsWith('Attention'),
  }
}
