/** A backbone as pruning sees it: which matrices read the width of its states, and which write it. */
import { UserError } from '../base/index.js'
import type { BackboneConfig, BartConfig, T5Config } from '../models/index.js'

/** A weight [out, in], and the bias [out] that goes with its rows. */
export interface Matrix {
  readonly weight: string
  readonly bias?: string
}

/**
 * A sublayer: matrices from the width to a width of its own, one that leads back, and vectors of the width in front of
 * them or behind.
 */
export interface Sublayer {
  /** [width]: a norm of what is read. */
  readonly before: readonly string[]
  /** [inner, width]: q, k, v of an attention, or the first of a feed forward (two where it is gated). */
  readonly into: readonly Matrix[]
  /** [width, inner] */
  readonly out: Matrix
  /** [width]: a norm of what is written. */
  readonly after: readonly string[]
  /** Whether the inner width is cut into heads. */
  readonly attention: boolean
}

export interface StackLayout {
  readonly sublayers: readonly Sublayer[]
  /** [width]: a norm behind the last block. */
  readonly after: readonly string[]
  readonly heads: number
  /** Reference: whether the first block reads what was kept of the token table, or what was kept last. */
  readonly readsTable: boolean
}

export interface Layout {
  /** [vocabulary, width] */
  readonly tokenTable: string
  /** The encoder, then the decoder. */
  readonly stacks: readonly StackLayout[]
}

/** How backbones are laid out, by `model_type`. */
const layouts: Readonly<Record<string, (config: BackboneConfig) => Layout>> = {
  t5: (config) => t5Layout(config as T5Config),
  bart: (config) => bartLayout(config as BartConfig),
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

const layersOf = (count: number, sublayers: (layer: number) => readonly Sublayer[]): readonly Sublayer[] =>
  Array.from({ length: count }, (_, layer) => sublayers(layer)).flat()

/** By Hugging Face's names. */
function t5Layout(config: T5Config): Layout {
  const wide = config.feedForwardProj === 'relu' ? ['wi'] : ['wi_0', 'wi_1']
  const stack = (name: string, layers: number, attentions: readonly string[]): StackLayout => ({
    sublayers: layersOf(layers, (layer) => [
      ...attentions.map((attention, i) =>
        t5Sublayer(`${name}.block.${layer}.layer.${i}`, attention, ['q', 'k', 'v'], 'o'),
      ),
      t5Sublayer(`${name}.block.${layer}.layer.${attentions.length}`, 'DenseReluDense', wide, 'wo'),
    ]),
    after: [`${name}.final_layer_norm.weight`],
    heads: config.numHeads,
    readsTable: name === 'encoder',
  })
  return {
    tokenTable: 'shared.weight',
    stacks: [
      stack('encoder', config.numLayers, ['SelfAttention']),
      stack('decoder', config.numDecoderLayers, ['SelfAttention', 'EncDecAttention']),
    ],
  }
}

function t5Sublayer(at: string, module: string, into: readonly string[], out: string): Sublayer {
  const weight = (name: string) => ({ weight: `${at}.${module}.${name}.weight` })
  return {
    before: [`${at}.layer_norm.weight`],
    into: into.map(weight),
    out: weight(out),
    after: [],
    attention: module.endsWith('Attention'),
  }
}

/** By Hugging Face's names. Norms come behind, and everything has a bias. */
function bartLayout(config: BartConfig): Layout {
  const both = (name: string): Required<Matrix> => ({ weight: `${name}.weight`, bias: `${name}.bias` })
  const stack = (name: 'encoder' | 'decoder', attentions: readonly string[]): StackLayout => ({
    sublayers: layersOf(config[name].layers, (layer) => {
      const at = `model.${name}.layers.${layer}`
      return [
        ...attentions.map((attention) => ({
          ...{ before: [], into: ['q', 'k', 'v'].map((part) => both(`${at}.${attention}.${part}_proj`)) },
          ...{ out: both(`${at}.${attention}.out_proj`), attention: true },
          after: Object.values(both(`${at}.${attention}_layer_norm`)),
        })),
        {
          ...{ before: [], into: [both(`${at}.fc1`)], out: both(`${at}.fc2`), attention: false },
          after: Object.values(both(`${at}.final_layer_norm`)),
        },
      ]
    }),
    ...{ after: [], heads: config[name].numHeads, readsTable: true },
  })
  return {
    tokenTable: 'model.shared.weight',
    stacks: [stack('encoder', ['self_attn']), stack('decoder', ['self_attn', 'encoder_attn'])],
  }
}

/** Every tensor of a layout, but for the token table. */
export function tensorsOf({ stacks }: Layout): readonly string[] {
  const both = ({ weight, bias }: Matrix) => [weight, ...(bias === undefined ? [] : [bias])]
  return stacks.flatMap(({ sublayers, after }) => [
    ...sublayers.flatMap((s) => [...s.before, ...[...s.into, s.out].flatMap(both), ...s.after]),
    ...after,
  ])
}
