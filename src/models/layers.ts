/**
 * What the backbones have in common: linear layers, norms and attention, each with its sites.
 *
 * Shapes: b batch · t queries · s keys · d model width · h heads · k width of a head.
 */
import {
  add,
  cast,
  concat,
  type Dim,
  erf,
  layerNorm,
  less,
  matMul,
  mul,
  range,
  reshape,
  rmsNorm,
  sigmoid,
  softmax,
  sub,
  type Tensor,
  tanh,
  transpose,
  where,
} from '../graph/index.js'
import { filled, type Initializer, type Scope } from './scope.js'
import type { LinearRole, Sublayer } from './sites.js'

/** How the weights of a block start. */
export interface BlockStarts {
  readonly query: Initializer
  readonly keyValue: Initializer
  readonly output: Initializer
  readonly feedForwardIn: Initializer
  readonly feedForwardOut: Initializer
  readonly positionBias: Initializer
}

/** What a block needs to know: a ladder's blocks have the backbone's form in smaller sizes. */
export interface BlockSizes {
  readonly dModel: number
  /** Width of a head. */
  readonly dKv: number
  readonly dFf: number
  readonly numHeads: number
  readonly starts: BlockStarts
}

export interface LinearForm {
  readonly role: LinearRole
  readonly start: Initializer
  /** How the bias starts; none: there is no bias. */
  readonly bias?: Initializer | undefined
}

/** y = x Wᵀ (+ b); x [b, t, in] → [b, t, out]. */
export function linear(x: Tensor, at: Scope, out: number, { role, start, bias }: LinearForm): Tensor {
  const weight = at.parameter('weight', [out, x.shape.at(-1) as number], start)
  const y = at.build(() => {
    const product = matMul(x, weight, { transposeB: true })
    return bias ? add(product, at.parameter('bias', [out], bias)) : product
  })
  return at.sites.linear?.(y, x, { at, role, hasBias: bias !== undefined }) ?? y
}

/** Root-mean-square norm: rescales, does not centre, has no bias. */
export function scaleNorm(x: Tensor, at: Scope, epsilon: number): Tensor {
  const weight = at.parameter('weight', [x.shape.at(-1) as number], filled(1))
  const y = at.build(() => rmsNorm(x, weight, epsilon))
  return at.sites.norm?.(y, { at, hasBias: false }) ?? y
}

/** Norm with weight and bias that centres (Ba et al. 2016). */
export function centreNorm(x: Tensor, at: Scope, epsilon: number): Tensor {
  const width = [x.shape.at(-1) as number]
  const weight = at.parameter('weight', width, filled(1))
  const bias = at.parameter('bias', width, filled(0))
  const y = at.build(() => layerNorm(x, weight, bias, epsilon))
  return at.sites.norm?.(y, { at, hasBias: true }) ?? y
}

/** A sublayer's result on its way to dropout and residual sum. */
export function endOfSublayer(y: Tensor, at: Scope, kind: Sublayer): Tensor {
  return at.sites.sublayer?.(y, { at, kind }) ?? y
}

/** Keys that may be attended: 0 there, and a large negative number elsewhere; mask int64 [b, s] → [b, 1, 1, s]. */
export function maskBias(mask: Tensor, blocked: number): Tensor {
  const [b, s] = mask.shape
  return reshape(mul(sub(1, cast(mask, 'float32')), blocked), [b!, 1, 1, s!])
}

/** 0 where a position may look at another, which is not behind it, and `blocked` elsewhere; [1, 1, t, t]. */
export function causalBias(length: Dim, blocked: number): Tensor {
  const query = reshape(range(length), [length, 1])
  const key = reshape(range(length), [1, length])
  const bias = where(less(query, key), blocked, cast(mul(query, 0), 'float32'))
  return reshape(bias, [1, 1, length, length])
}

function splitHeads(x: Tensor, c: BlockSizes): Tensor {
  const [b, t] = x.shape as readonly [Dim, Dim]
  return transpose(reshape(x, [b, t, c.numHeads, c.dKv]), [0, 2, 1, 3]) //          b h t k
}

function joinHeads(x: Tensor, c: BlockSizes): Tensor {
  const [b, , t] = x.shape as readonly [Dim, Dim, Dim]
  return reshape(transpose(x, [0, 2, 1, 3]), [b, t, c.numHeads * c.dKv]) //         b t hk
}

/** Keys and values of an attention, [b, h, s, k] each. */
export interface KeyValues {
  readonly keys: Tensor
  readonly values: Tensor
}

/** What is attended to. */
export interface Attended {
  /** [b, s, d] */
  readonly memory: Tensor
  /** Added to the scores: broadcasts to [b, h, t, s], what stands in front included. */
  readonly bias: Tensor
  /** Keys and values in front of the memory's own. */
  readonly past?: KeyValues | undefined
  /** Sees keys and values, what stands in front included. */
  readonly onKeyValues?: ((made: KeyValues) => void) | undefined
}

/** What the decoder attends to besides itself. */
export type CrossAttention = Pick<Attended, 'memory' | 'bias'>

/** How attention is written in an architecture. */
export interface AttentionForm {
  /** Names of query, key, value and output. */
  readonly names: readonly [query: string, key: string, value: string, output: string]
  /** Factor of the scores. */
  readonly scale: number
  /** How biases start; none: there are no biases. */
  readonly bias?: Initializer
}

/** Multi-head attention; x [b, t, d] → [b, t, d]. */
export function attention(
  x: Tensor,
  { memory, bias, past, onKeyValues }: Attended,
  at: Scope,
  c: BlockSizes,
  form: AttentionForm,
): Tensor {
  const [query, key, value, output] = form.names
  const inner = c.numHeads * c.dKv
  const heads = (from: Tensor, name: string, role: LinearRole, start: Initializer) =>
    splitHeads(linear(from, at.at(name), inner, { role, start, bias: form.bias }), c)
  const q = heads(x, query, 'query', c.starts.query) //                             b h t k
  const own = {
    keys: heads(memory, key, 'key', c.starts.keyValue), //                          b h s k
    values: heads(memory, value, 'value', c.starts.keyValue), //                    b h s k
  }
  const { keys, values } = past ? behind(past, own) : own
  onKeyValues?.({ keys, values })
  const context = at.build(() => {
    const scores = add(matMul(q, keys, { transposeB: true, alpha: form.scale }), bias) // b h t s
    return joinHeads(matMul(at.dropout(softmax(scores)), values), c) //             b t hk
  })
  return linear(context, at.at(output), c.dModel, {
    role: 'output',
    start: c.starts.output,
    bias: form.bias,
  })
}

const behind = (past: KeyValues, own: KeyValues): KeyValues => ({
  keys: concat([past.keys, own.keys], 2),
  values: concat([past.values, own.values], 2),
})

/** 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))): what the reference calls gelu_new. */
export function geluNew(x: Tensor): Tensor {
  const inner = mul(add(x, mul(mul(mul(x, x), x), 0.044715)), Math.sqrt(2 / Math.PI))
  return mul(mul(x, 0.5), add(tanh(inner), 1))
}

/** 0.5 x (1 + erf(x / √2)) */
export function gelu(x: Tensor): Tensor {
  return mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1))
}

/** x σ(x) */
export const swish = (x: Tensor): Tensor => mul(x, sigmoid(x))
