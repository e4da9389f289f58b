/**
 * The transformer of CLIP's two towers (Radford et al. 2021, §2.4): pre-norm blocks with biases everywhere. Weight names
 * are Hugging Face's.
 *
 * Shapes: b batch · t positions · w width · h heads.
 */
import {
  add,
  type Dim,
  erf,
  layerNorm,
  matMul,
  mul,
  quickGelu,
  reshape,
  softmax,
  type Tensor,
  transpose,
} from '../../src/graph/index.js'
import { filled, type Initializer, normal, type Scope } from '../../src/models/index.js'
import type { TowerSizes } from './config.js'

/** Sees intermediate values by name. */
export type Trace = (name: string, value: Tensor) => void

/** y = x Wᵀ + b */
function linear(x: Tensor, at: Scope, out: number, initializer: Initializer): Tensor {
  const weight = at.parameter('weight', [out, x.shape.at(-1) as number], initializer)
  const bias = at.parameter('bias', [out], filled(0))
  return at.build(() => add(matMul(x, weight, { transposeB: true }), bias))
}

/** y = x Wᵀ: into the space of both towers; x [b, w]. */
export function projection(x: Tensor, at: Scope, out: number): Tensor {
  const width = x.shape.at(-1) as number
  const weight = at.parameter('weight', [out, width], normal(width ** -0.5))
  return at.build(() => matMul(x, weight, { transposeB: true }))
}

export function norm(x: Tensor, at: Scope, { width, epsilon }: TowerSizes): Tensor {
  const weight = at.parameter('weight', [width], filled(1))
  const bias = at.parameter('bias', [width], filled(0))
  return at.build(() => layerNorm(x, weight, bias, epsilon))
}

function splitHeads(x: Tensor, { width, heads }: TowerSizes): Tensor {
  const [b, t] = x.shape as readonly [Dim, Dim]
  return transpose(reshape(x, [b, t, heads, width / heads]), [0, 2, 1, 3])
}

function attention(x: Tensor, bias: Tensor | undefined, at: Scope, c: TowerSizes): Tensor {
  const [b, t] = x.shape as readonly [Dim, Dim]
  const project = (name: string) => splitHeads(linear(x, at.at(name), c.width, normal(c.width ** -0.5)), c)
  const [q, k, v] = [project('q_proj'), project('k_proj'), project('v_proj')]
  const context = at.build(() => {
    const scores = matMul(q, k, { transposeB: true, alpha: (c.width / c.heads) ** -0.5 }) // b h t t
    const shares = softmax(bias ? add(scores, bias) : scores)
    return reshape(transpose(matMul(shares, v), [0, 2, 1, 3]), [b, t, c.width])
  })
  return linear(context, at.at('out_proj'), c.width, normal(residualDeviation(c)))
}

/** Start values of what is added to the stream shrink with its depth. */
const residualDeviation = ({ width, layers }: TowerSizes) => width ** -0.5 * (2 * layers) ** -0.5

const activations = {
  quick_gelu: quickGelu,
  /** x Φ(x) */
  gelu: (x: Tensor) => mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1)),
} as const satisfies Record<TowerSizes['activation'], (x: Tensor) => Tensor>

function feedForward(x: Tensor, at: Scope, c: TowerSizes): Tensor {
  const wide = linear(x, at.at('fc1'), c.intermediate, normal((2 * c.width) ** -0.5))
  const active = at.build(() => activations[c.activation](wide))
  return linear(active, at.at('fc2'), c.width, normal(residualDeviation(c)))
}

function block(x: Tensor, bias: Tensor | undefined, at: Scope, c: TowerSizes): Tensor {
  const h = add(x, attention(norm(x, at.at('layer_norm1'), c), bias, at.at('self_attn'), c))
  return add(h, feedForward(norm(h, at.at('layer_norm2'), c), at.at('mlp'), c))
}

/**
 * All blocks of a tower, without its last norm.
 *
 * @param x [b, t, w]
 * @param bias added to the scores: 0 where a position may be looked at
 * @param trace sees `NAME.0`, what goes in, and `NAME.I`, what comes out of block I
 */
export function runBlocks(
  x: Tensor,
  at: Scope,
  c: TowerSizes,
  options: { readonly bias?: Tensor | undefined; readonly name: string; readonly trace: Trace | undefined },
): Tensor {
  const { bias, name, trace } = options
  trace?.(`${name}.0`, x)
  let h = x
  for (let layer = 0; layer < c.layers; layer++) {
    h = block(h, bias, at.at(`encoder.layers.${layer}`), c)
    trace?.(`${name}.${layer + 1}`, h)
  }
  return h
}
