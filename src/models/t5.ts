/**
 * T5 (Raffel et al. 2020, §2.1) and T5 v1.1. Configuration and weight names are Hugging Face's.
 *
 * Shapes: b batch · t queries · s keys · d model width · h heads · v vocabulary.
 */
import { UserError } from '../base/index.js'
import { add, gather, matMul, mul, pad, relu, type Tensor } from '../graph/index.js'
import {
  type BackboneModel,
  type BackboneStack,
  type BlockRun,
  defineArchitecture,
  type LinearStart,
  type Rows,
  type Variant,
} from './backbone.js'
import {
  type AttentionForm,
  attention,
  type BlockSizes,
  type BlockStarts,
  causalBias,
  endOfSublayer,
  geluNew,
  linear,
  maskBias,
  scaleNorm,
} from './layers.js'
import { relativeBias } from './positionBias.js'
import { filled, normal, type Scope, uniform } from './scope.js'
import type { Sublayer } from './sites.js'
import { readT5Config, type T5Config, writeT5Config } from './t5Config.js'

const blockedSelf = -10_000
const blockedCross = -1e9

/** Attention without 1/√k: T5 folds the scale into the initial weights. */
const attentionForm: AttentionForm = { names: ['q', 'k', 'v', 'o'], scale: 1 }

function startsOf({ dModel, dKv, dFf, numHeads }: T5Config): BlockStarts {
  return {
    query: normal((dModel * dKv) ** -0.5),
    keyValue: normal(dModel ** -0.5),
    output: normal((numHeads * dKv) ** -0.5),
    feedForwardIn: normal(dModel ** -0.5),
    feedForwardOut: normal(dFf ** -0.5),
    positionBias: normal(dModel ** -0.5),
  }
}

/** Standard deviation of everything that the text code adds. */
const textDeviation = 0.01
const textStarts: BlockStarts = {
  query: normal(textDeviation),
  keyValue: normal(textDeviation),
  output: normal(textDeviation),
  feedForwardIn: normal(textDeviation),
  feedForwardOut: normal(textDeviation),
  positionBias: normal(1),
}

/** Start values are the backbone's own, whatever the ladder's width (reference). */
function sideSizes(c: T5Config, reductionFactor: number, variant: Variant): BlockSizes {
  const narrowest = Math.min(c.dModel, c.dKv, c.dFf)
  if (reductionFactor > narrowest) {
    throw new UserError(
      `--reduction ${reductionFactor} leaves nothing of a width of ${narrowest}: use ${narrowest} or less`,
    )
  }
  const part = (size: number) => Math.floor(size / reductionFactor)
  return {
    ...{ dModel: part(c.dModel), dKv: part(c.dKv), dFf: part(c.dFf), numHeads: c.numHeads },
    starts: variant === 'text' ? textStarts : startsOf(c),
  }
}

function feedForward(x: Tensor, at: Scope, sizes: BlockSizes, c: T5Config): Tensor {
  const { feedForwardIn, feedForwardOut } = sizes.starts
  const wide = (name: string) =>
    linear(x, at.at(name), sizes.dFf, { role: 'feedForwardIn', start: feedForwardIn })
  const hidden = c.feedForwardProj === 'relu' ? relu(wide('wi')) : mul(geluNew(wide('wi_0')), wide('wi_1'))
  return linear(
    at.build(() => at.dropout(hidden)),
    at.at('wo'),
    sizes.dModel,
    { role: 'feedForwardOut', start: feedForwardOut },
  )
}

/** One block: self attention, cross attention where there is a memory, feed forward; x [b, t, d]. */
function block(x: Tensor, { at, sizes, bias, cross, past, onKeyValues }: BlockRun, c: T5Config): Tensor {
  /** x plus the sublayer of its norm: T5 normalises before. */
  const residual = (h: Tensor, layer: Scope, kind: Sublayer, sublayer: (normed: Tensor) => Tensor) => {
    const y = sublayer(scaleNorm(h, layer.at('layer_norm'), c.layerNormEpsilon))
    return add(h, layer.dropout(endOfSublayer(y, layer, kind)))
  }
  const self = at.at('layer.0')
  let h = residual(x, self, 'selfAttention', (y) =>
    attention(y, { memory: y, bias, past, onKeyValues }, self.at('SelfAttention'), sizes, attentionForm),
  )
  if (cross) {
    const other = at.at('layer.1')
    h = residual(h, other, 'crossAttention', (y) =>
      attention(y, cross, other.at('EncDecAttention'), sizes, attentionForm),
    )
  }
  const last = at.at(cross ? 'layer.2' : 'layer.1')
  return residual(h, last, 'feedForward', (y) => feedForward(y, last.at('DenseReluDense'), sizes, c))
}

/** The table [buckets, heads] of the block that owns its stack's relative position bias. */
function biasTable(at: Scope, sizes: BlockSizes, { relativeAttentionNumBuckets: buckets }: T5Config): Tensor {
  const owner = at.at('layer.0.SelfAttention.relative_attention_bias')
  return owner.parameter('weight', [buckets, sizes.numHeads], sizes.starts.positionBias)
}

/**
 * Bias of a self attention with its mask. In an encoder only text meets text with a position: picture rows, which come
 * behind the text, have none. A decoder looks at positions before alone.
 *
 * @returns [b or 1, h, t, t]
 */
function selfBias(rows: Rows, table: Tensor | undefined): Tensor {
  if (!('textMask' in rows)) {
    const causal = causalBias(rows.length, blockedSelf)
    return table ? add(relativeBias(table, rows.length, rows.length, false), causal) : causal
  }
  const { textMask, pictureRows } = rows
  const text = textMask.shape[1]!
  const mask = pad(maskBias(textMask, blockedSelf), 3, 0, pictureRows)
  if (!table) return mask
  const bias = pad(pad(relativeBias(table, text, text, true), 2, 0, pictureRows), 3, 0, pictureRows)
  return add(bias, mask)
}

function stackOf(c: T5Config, root: Scope, name: BackboneStack['name']): BackboneStack {
  const at = root.at(name)
  return {
    ...{ name, at, layers: name === 'encoder' ? c.numLayers : c.numDecoderLayers },
    sizes: { ...c, starts: startsOf(c) },
    sideSizes: (reductionFactor, variant) => sideSizes(c, reductionFactor, variant),
    blockAt: (layer) => at.at(`block.${layer}`),
    embed: (ids) => root.build(() => gather(sharedTable(root, c), ids)),
    positions: () => undefined,
    enter: (rows) => rows,
    table: (owner, sizes) => biasTable(owner, sizes, c),
    selfBias,
    block: (x, run) => block(x, run, c),
    finish: (x, norm) => at.dropout(scaleNorm(x, at.at(norm), c.layerNormEpsilon)),
  }
}

/** The token table [v, d]; encoder, decoder and (if tied) the head share it. */
function sharedTable(root: Scope, c: T5Config): Tensor {
  return root.at('shared').parameter('weight', [c.vocabSize, c.dModel], normal(1))
}

/** Logits [b, t, v]: a tied head scales by d^−½, an own one does not. */
function head(root: Scope, c: T5Config, hiddenStates: Tensor): Tensor {
  const at = root.at('lm_head')
  if (!c.tieWordEmbeddings) {
    return linear(hiddenStates, at, c.vocabSize, { role: 'head', start: normal(c.dModel ** -0.5) })
  }
  const y = matMul(hiddenStates, sharedTable(root, c), { transposeB: true, alpha: c.dModel ** -0.5 })
  return at.sites.linear?.(y, hiddenStates, { at, role: 'head', hasBias: false }) ?? y
}

function newLinear(_: T5Config, width: number, variant: Variant): LinearStart {
  const start = uniform(width ** -0.5)
  return variant === 'text'
    ? { weight: normal(textDeviation), bias: filled(0) }
    : { weight: start, bias: start }
}

export const t5 = defineArchitecture<T5Config>({
  name: 't5',
  prefix: '',
  readConfig: readT5Config,
  writeConfig: writeT5Config,
  build: (c, root): BackboneModel => ({
    at: root,
    encoder: stackOf(c, root, 'encoder'),
    decoder: stackOf(c, root, 'decoder'),
    tokenTable: () => sharedTable(root, c),
    crossBias: (mask) => maskBias(mask, blockedCross),
    head: (hiddenStates) => head(root, c, hiddenStates),
  }),
  newLinear,
  newTable: () => normal(1),
  headName: ({ tieWordEmbeddings }) => (tieWordEmbeddings ? 'shared.weight' : 'lm_head.weight'),
  tokenRows: ({ vocabSize, dModel, tieWordEmbeddings }) =>
    ['shared.weight', ...(tieWordEmbeddings ? [] : ['lm_head.weight'])].map((name) => ({
      ...{ name, shape: [vocabSize, dModel] },
      initializer: normal(1),
    })),
  answerPlace: 0,
  norm: 'rms',
})
