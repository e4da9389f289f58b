/**
 * T5 (Raffel et al. 2020, §2.1) and T5 v1.1. Configuration and weight names are Hugging Face's.
 *
 * Shapes: b batch · t queries · s keys · d model width · h heads · k width of a head · v vocabulary.
 */
import {
  add,
  cast,
  type Dim,
  gather,
  less,
  matMul,
  mul,
  pad,
  range,
  relu,
  reshape,
  rmsNorm,
  softmax,
  sub,
  type Tensor,
  tanh,
  transpose,
  where,
} from '../graph/index.js'
import type { T5Config } from './config.js'
import { relativeBias } from './positionBias.js'
import { filled, type Initializer, normal, type Scope } from './scope.js'

/** What a block needs to know: the ladder's blocks have the same form in smaller sizes. */
export interface BlockSizes {
  readonly dModel: number
  readonly dKv: number
  readonly dFf: number
  readonly numHeads: number
  readonly layerNormEpsilon: number
  readonly feedForwardProj: T5Config['feedForwardProj']
  readonly initializers: BlockInitializers
}

export interface BlockInitializers {
  readonly query: Initializer
  readonly keyValue: Initializer
  readonly output: Initializer
  readonly feedForwardIn: Initializer
  readonly feedForwardOut: Initializer
  readonly positionBias: Initializer
}

export function t5Sizes(c: T5Config): BlockSizes {
  return { ...c, initializers: t5Initializers(c) }
}

export function t5Initializers({ dModel, dKv, dFf, numHeads }: T5Config): BlockInitializers {
  return {
    query: normal((dModel * dKv) ** -0.5),
    keyValue: normal(dModel ** -0.5),
    output: normal((numHeads * dKv) ** -0.5),
    feedForwardIn: normal(dModel ** -0.5),
    feedForwardOut: normal(dFf ** -0.5),
    positionBias: normal(dModel ** -0.5),
  }
}

/** Keys that may be attended: 0 there, and a large negative number elsewhere; mask int64 [b, s] → [b, 1, 1, s]. */
export function maskBias(mask: Tensor, blocked: number): Tensor {
  const [b, s] = mask.shape
  return reshape(mul(sub(1, cast(mask, 'float32')), blocked), [b!, 1, 1, s!])
}

const blockedSelf = -10_000
export const blockedCross = -1e9

/** y = x Wᵀ, without bias as everywhere in T5; x [b, t, in] → [b, t, out]. */
function linear(x: Tensor, at: Scope, out: number, initializer: Initializer): Tensor {
  const weight = at.parameter('weight', [out, x.shape.at(-1) as number], initializer)
  return at.build(() => matMul(x, weight, { transposeB: true }))
}

/** Root-mean-square norm: rescales, does not centre, has no bias. */
export function norm(x: Tensor, at: Scope, epsilon: number): Tensor {
  const weight = at.parameter('weight', [x.shape.at(-1) as number], filled(1))
  return at.build(() => rmsNorm(x, weight, epsilon))
}

function splitHeads(x: Tensor, c: BlockSizes): Tensor {
  const [b, t] = x.shape as readonly [Dim, Dim]
  return transpose(reshape(x, [b, t, c.numHeads, c.dKv]), [0, 2, 1, 3]) //          b h t k
}

function joinHeads(x: Tensor, c: BlockSizes): Tensor {
  const [b, , t] = x.shape as readonly [Dim, Dim, Dim]
  return reshape(transpose(x, [0, 2, 1, 3]), [b, t, c.numHeads * c.dKv]) //         b t hk
}

/** Attention without 1/√k: T5 folds the scale into the initial weights. */
function attention(x: Tensor, memory: Tensor, bias: Tensor, at: Scope, c: BlockSizes): Tensor {
  const inner = c.numHeads * c.dKv
  const q = splitHeads(linear(x, at.at('q'), inner, c.initializers.query), c) //     b h t k
  const k = splitHeads(linear(memory, at.at('k'), inner, c.initializers.keyValue), c) // b h s k
  const v = splitHeads(linear(memory, at.at('v'), inner, c.initializers.keyValue), c) // b h s k
  const context = at.build(() => {
    const scores = add(matMul(q, k, { transposeB: true }), bias) //                 b h t s
    return joinHeads(matMul(at.dropout(softmax(scores)), v), c) //                  b t hk
  })
  return linear(context, at.at('o'), c.dModel, c.initializers.output)
}

/** gelu_new: 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))) */
function geluNew(x: Tensor): Tensor {
  const inner = mul(add(x, mul(mul(mul(x, x), x), 0.044715)), Math.sqrt(2 / Math.PI))
  return mul(mul(x, 0.5), add(tanh(inner), 1))
}

function feedForward(x: Tensor, at: Scope, c: BlockSizes): Tensor {
  const wide = (name: string) => linear(x, at.at(name), c.dFf, c.initializers.feedForwardIn)
  const hidden = c.feedForwardProj === 'relu' ? relu(wide('wi')) : mul(geluNew(wide('wi_0')), wide('wi_1'))
  return linear(
    at.build(() => at.dropout(hidden)),
    at.at('wo'),
    c.dModel,
    c.initializers.feedForwardOut,
  )
}

/** x plus the sublayer of its norm: T5 normalises before. */
function residual(x: Tensor, at: Scope, c: BlockSizes, sublayer: (normed: Tensor) => Tensor): Tensor {
  return add(x, at.dropout(sublayer(norm(x, at.at('layer_norm'), c.layerNormEpsilon))))
}

/** What the decoder attends to besides itself. */
export interface CrossAttention {
  /** [b, s, d] */
  readonly memory: Tensor
  /** [b, 1, 1, s] */
  readonly bias: Tensor
}

/** One block: self attention, cross attention where there is a memory, feed forward; x [b, t, d]. */
export function block(
  x: Tensor,
  bias: Tensor,
  cross: CrossAttention | undefined,
  at: Scope,
  c: BlockSizes,
): Tensor {
  const self = at.at('layer.0')
  let h = residual(x, self, c, (y) => attention(y, y, bias, self.at('SelfAttention'), c))
  if (cross) {
    const other = at.at('layer.1')
    h = residual(h, other, c, (y) => attention(y, cross.memory, cross.bias, other.at('EncDecAttention'), c))
  }
  const last = at.at(cross ? 'layer.2' : 'layer.1')
  return residual(h, last, c, (y) => feedForward(y, last.at('DenseReluDense'), c))
}

/** The table [buckets, heads] of the block that owns its stack's relative position bias. */
export function biasTable(at: Scope, buckets: number, c: BlockSizes): Tensor {
  const owner = at.at('layer.0.SelfAttention.relative_attention_bias')
  return owner.parameter('weight', [buckets, c.numHeads], c.initializers.positionBias)
}

/**
 * Bias of an encoder's self attention with the padding mask. Only text meets text with a position; picture rows, which
 * come behind the text, have none.
 *
 * @param textMask int64 [b, text]
 * @param pictureRows how many rows follow the text
 * @returns [b, h, text + pictureRows, text + pictureRows]
 */
export function encoderBias(table: Tensor | undefined, textMask: Tensor, pictureRows: Dim): Tensor {
  const text = textMask.shape[1]!
  const mask = pad(maskBias(textMask, blockedSelf), 3, 0, pictureRows)
  if (!table) return mask
  const bias = pad(pad(relativeBias(table, text, text, true), 2, 0, pictureRows), 3, 0, pictureRows)
  return add(bias, mask)
}

/** 0 where a position may look at another, which is not behind it, and `blocked` elsewhere; [1, 1, t, t]. */
export function causalBias(length: Dim, blocked: number): Tensor {
  const query = reshape(range(length), [length, 1])
  const key = reshape(range(length), [1, length])
  const bias = where(less(query, key), blocked, cast(mul(query, 0), 'float32'))
  return reshape(bias, [1, 1, length, length])
}

/** Bias of a decoder's self attention: positions before only; [1, h, t, t]. */
export function decoderBias(table: Tensor | undefined, length: Dim): Tensor {
  const causal = causalBias(length, blockedSelf)
  return table ? add(relativeBias(table, length, length, false), causal) : causal
}

/** One of T5's two stacks. */
export interface Stack {
  readonly name: 'encoder' | 'decoder'
  readonly layers: number
}

/**
 * Runs a stack of blocks from embeddings to the final norm.
 *
 * @param x [b, t, d]
 * @param onBlock sees every block's output: where a ladder taps
 * @returns [b, t, d]
 */
export function runStack(
  x: Tensor,
  options: {
    readonly root: Scope
    readonly stack: Stack
    readonly config: T5Config
    readonly bias: Tensor
    readonly cross?: CrossAttention
    readonly onBlock?: (hiddenStates: Tensor, layer: number) => void
  },
): Tensor {
  const { root, stack, config, bias, cross, onBlock } = options
  const at = root.at(stack.name)
  let h = at.dropout(x)
  for (let layer = 0; layer < stack.layers; layer++) {
    h = block(h, bias, cross, at.at(`block.${layer}`), t5Sizes(config))
    onBlock?.(h, layer)
  }
  return at.dropout(norm(h, at.at('final_layer_norm'), config.layerNormEpsilon))
}

/** The token table [v, d]; encoder, decoder and (if tied) the head share it. */
export function sharedTable(root: Scope, c: T5Config): Tensor {
  return root.at('shared').parameter('weight', [c.vocabSize, c.dModel], normal(1))
}

/** Token embeddings [b, t, d] of ids int64 [b, t]; T5 does not scale them. */
export function embed(root: Scope, c: T5Config, ids: Tensor): Tensor {
  return root.build(() => gather(sharedTable(root, c), ids))
}

/** Logits [b, t, v]: a tied head scales by d^−½, an own one does not. */
export function head(root: Scope, c: T5Config, hiddenStates: Tensor): Tensor {
  if (c.tieWordEmbeddings) {
    return matMul(hiddenStates, sharedTable(root, c), { transposeB: true, alpha: c.dModel ** -0.5 })
  }
  return linear(hiddenStates, root.at('lm_head'), c.vocabSize, normal(c.dModel ** -0.5))
}
