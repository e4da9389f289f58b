/**
 * BART (Lewis et al. 2020). Configuration and weight names are Hugging Face's. Unlike T5: norms come after the residual
 * sum, centre, and have biases like everything else; positions are learned rows; scores are scaled by 1/√k; nothing
 * follows the last block.
 *
 * Shapes: b batch · t rows · d model width · v vocabulary.
 */
import { UserError } from '../base/index.js'
import { add, type Dim, gather, matMul, mul, pad, range, type Tensor } from '../graph/index.js'
import {
  type BackboneModel,
  type BackboneStack,
  type BlockRun,
  defineArchitecture,
  type Rows,
} from './backbone.js'
import { type BartConfig, readBartConfig, writeBartConfig } from './bartConfig.js'
import {
  attention,
  type BlockSizes,
  type BlockStarts,
  causalBias,
  centreNorm,
  endOfSublayer,
  gelu,
  linear,
  maskBias,
} from './layers.js'
import { filled, normal, type Scope } from './scope.js'
import type { Sublayer } from './sites.js'

/** The lowest float32. */
const blocked = -(2 - 2 ** -23) * 2 ** 127

/** Rows of the position table in front of position 0. */
const positionOffset = 2

function startsOf({ initStd }: BartConfig): BlockStarts {
  const start = normal(initStd)
  return {
    ...{ query: start, keyValue: start, output: start },
    ...{ feedForwardIn: start, feedForwardOut: start, positionBias: start },
  }
}

function sizesOf(c: BartConfig, name: BackboneStack['name'], dModel: number, dFf: number): BlockSizes {
  const { numHeads } = c[name]
  return { dModel, dFf, numHeads, dKv: dModel / numHeads, starts: startsOf(c) }
}

function sideSizes(c: BartConfig, name: BackboneStack['name'], reductionFactor: number): BlockSizes {
  const { numHeads, dFf } = c[name]
  const width = Math.floor(c.dModel / reductionFactor)
  const wide = Math.floor(dFf / reductionFactor)
  if (width === 0 || wide === 0) {
    const narrowest = Math.min(c.dModel, dFf)
    throw new UserError(
      `--reduction ${reductionFactor} leaves nothing of a width of ${narrowest}: use ${narrowest} or less`,
    )
  }
  if (width % numHeads !== 0) {
    throw new UserError(
      `--reduction ${reductionFactor} makes a ladder ${width} wide, which the ${name}'s ${numHeads} heads don't ` +
        `divide: use ${dividing(c, numHeads).join(', ')}`,
    )
  }
  return sizesOf(c, name, width, wide)
}

/** Reductions that leave every head something. */
function dividing({ dModel }: BartConfig, numHeads: number): readonly number[] {
  return Array.from({ length: dModel }, (_, i) => i + 1).filter(
    (r) => dModel % r === 0 && (dModel / r) % numHeads === 0,
  )
}

/** One block; x [b, t, d]. */
function block(x: Tensor, { at, sizes, bias, cross, past, onKeyValues }: BlockRun, c: BartConfig): Tensor {
  const zeros = filled(0)
  const form = {
    names: ['q_proj', 'k_proj', 'v_proj', 'out_proj'],
    ...{ scale: sizes.dKv ** -0.5, bias: zeros },
  } as const
  const residual = (h: Tensor, kind: Sublayer, norm: string, y: Tensor) =>
    centreNorm(add(h, at.dropout(endOfSublayer(y, at, kind))), at.at(norm), c.layerNormEpsilon)
  let h = residual(
    x,
    'selfAttention',
    'self_attn_layer_norm',
    attention(x, { memory: x, bias, past, onKeyValues }, at.at('self_attn'), sizes, form),
  )
  if (cross) {
    const y = attention(h, cross, at.at('encoder_attn'), sizes, form)
    h = residual(h, 'crossAttention', 'encoder_attn_layer_norm', y)
  }
  const { feedForwardIn, feedForwardOut } = sizes.starts
  const wide = linear(h, at.at('fc1'), sizes.dFf, {
    ...{ role: 'feedForwardIn', start: feedForwardIn, bias: zeros },
  })
  const y = linear(
    at.build(() => at.dropout(gelu(wide))),
    at.at('fc2'),
    sizes.dModel,
    { role: 'feedForwardOut', start: feedForwardOut, bias: zeros },
  )
  return residual(h, 'feedForward', 'final_layer_norm', y)
}

/** Bias of a self attention with its mask; rows in front of a decoder's own are seen by all. [b or 1, 1, t, s] */
function selfBias(rows: Rows): Tensor {
  return 'textMask' in rows
    ? pad(maskBias(rows.textMask, blocked), 3, 0, rows.pictureRows)
    : pad(causalBias(rows.length, blocked), 3, rows.past ?? 0, 0)
}

/** Rows of a stack's learned table, [length, d]. */
function positions(length: Dim, first: number, at: Scope, c: BartConfig): Tensor {
  const rows = [c.maxPositionEmbeddings + positionOffset, c.dModel]
  const table = at.at('embed_positions').parameter('weight', rows, normal(c.initStd))
  return gather(table, add(range(length), positionOffset + first))
}

function stackOf(c: BartConfig, core: Scope, name: BackboneStack['name']): BackboneStack {
  const at = core.at(name)
  const { layers, dFf } = c[name]
  return {
    ...{ name, at, layers, sizes: sizesOf(c, name, c.dModel, dFf) },
    sideSizes: (reductionFactor) => sideSizes(c, name, reductionFactor),
    blockAt: (layer) => at.at(`layers.${layer}`),
    embed(ids, first = 0) {
      const tokens = core.build(() => gather(sharedTable(core, c), ids))
      const scaled = c.scaleEmbedding ? mul(tokens, Math.sqrt(c.dModel)) : tokens
      return add(scaled, positions(ids.shape[1]!, first, at, c))
    },
    positions: (length) => positions(length, 0, at, c),
    enter: (rows) => centreNorm(rows, at.at('layernorm_embedding'), c.layerNormEpsilon),
    table: () => undefined,
    selfBias,
    block: (x, run) => block(x, run, c),
    finish: (x) => x,
  }
}

/** The token table [v, d]; both stacks and the head share it. */
function sharedTable(core: Scope, c: BartConfig): Tensor {
  return core.at('shared').parameter('weight', [c.vocabSize, c.dModel], normal(c.initStd))
}

/** Logits [b, t, v]. Their bias is part of the checkpoint and never trains. */
function head(root: Scope, core: Scope, c: BartConfig, hiddenStates: Tensor): Tensor {
  const product = matMul(hiddenStates, sharedTable(core, c), { transposeB: true })
  const y = add(product, root.buffer('final_logits_bias', [1, c.vocabSize], filled(0)))
  const at = root.at('lm_head')
  return at.sites.linear?.(y, hiddenStates, { at, role: 'head', hasBias: true }) ?? y
}

export const bart = defineArchitecture<BartConfig>({
  name: 'bart',
  prefix: 'model.',
  readConfig: readBartConfig,
  writeConfig: writeBartConfig,
  build(c, root): BackboneModel {
    const core = root.at('model')
    return {
      at: core,
      encoder: stackOf(c, core, 'encoder'),
      decoder: stackOf(c, core, 'decoder'),
      tokenTable: () => sharedTable(core, c),
      crossBias: (mask) => maskBias(mask, blocked),
      head: (hiddenStates) => head(root, core, c, hiddenStates),
    }
  },
  newLinear: ({ initStd }) => ({ weight: normal(initStd), bias: filled(0) }),
  newTable: ({ initStd }) => normal(initStd),
  headName: () => 'model.shared.weight',
  tokenRows: ({ vocabSize, dModel, initStd }) => [
    { name: 'model.shared.weight', shape: [vocabSize, dModel], initializer: normal(initStd) },
    { name: 'final_logits_bias', shape: [1, vocabSize], initializer: filled(0) },
  ],
  answerPlace: 1,
  norm: 'layer',
})
