/**
 * The visual embedding: features and boxes of pictures as rows of the backbone's width (VL-T5, Cho et al. 2021, §3).
 * It trains with every method.
 *
 * Shapes: b batch · n picture positions · f feature width · d model width.
 */
import {
  add,
  concat,
  type Dim,
  gather,
  matMul,
  mul,
  range,
  relu,
  reshape,
  slice,
  sub,
  type Tensor,
} from '../src/graph/index.js'
import { centreNorm, filled, normal, type Scope, scaleNorm, uniform } from '../src/models/index.js'

export interface VisualEmbeddingOptions {
  readonly featDim: number
  readonly useVisLayerNorm: boolean
  /** One norm after each of the two projections; else one on the sum. */
  readonly individualVisLayerNorm: boolean
  readonly useVisOrderEmbedding: boolean
  /** Further layers of Linear, ReLU and norm (T5). */
  readonly additionalVisualEmbeddingLayers: number
  readonly nImages: number
  /** Pictures pass what embeddings of text pass on their way into the encoder: BART's norm. */
  readonly shareVisLangLayerNorm: boolean
  /** T5's norm (`rms`) or BART's (`layer`), with its start values. */
  readonly norm: 'rms' | 'layer'
  readonly dModel: number
}

export const visualEmbeddingDefaults = {
  useVisLayerNorm: true,
  individualVisLayerNorm: true,
  useVisOrderEmbedding: true,
  additionalVisualEmbeddingLayers: 0,
  nImages: 2,
  shareVisLangLayerNorm: false,
  norm: 'rms',
} as const

const _boxWidth = 5
const epsilons = { rms: 1e-6, layer: 1e-5 } as const

export interface VisualInputs {
  /** [b, n, f] */
  readonly features: Tensor
  /** [b, n, 4] */
  readonly boxes: Tensor
  /** int64 [b, n] or [n]; all 0 by default */
  readonly imageOrder?: Tensor
  /** int64 [b, n] or [n]; 0 … n − 1 by default */
  readonly objectOrder?: Tensor
  /** The token table [v, d], whose last rows name the objects. */
  readonly shared: Tensor
}

/** @returns [b, n, d] */
export function visualEmbedding(at: Scope, inputs: VisualInputs, options: VisualEmbeddingOptions): Tensor {
  const { features, boxes } = inputs
  const projected = featureProjection(features, at.at('feat_embedding'), options)
  const positions = boxProjection(boxes, at.at('absolute_vis_pos_embedding'), options)
  let z = add(projected, positions)
  if (options.useVisOrderEmbedding) z = add(z, orderEmbedding(at, inputs, options))
  return options.useVisLayerNorm && !options.individualVisLayerNorm
    ? norm(z, at.at('layer_norm'), options)
    : z
}

function linear(x: Tensor, at: Scope, { dModel, norm: kind }: VisualEmbeddingOptions): Tensor {
  const width = x.shape.at(-1) as number
  const start = kind === 'rms' ? [uniform(width ** -0.5), uniform(width ** -0.5)] : [normal(0.02), filled(0)]
  const weight = at.parameter('weight', [dModel, width], start[0]!)
  return add(matMul(x, weight, { transposeB: true }), at.parameter('bias', [dModel], start[1]!))
}

function norm(x: Tensor, at: Scope, { norm: kind }: VisualEmbeddingOptions): Tensor {
  return kind === 'rms' ? scaleNorm(x, at, epsilons.rms) : centreNorm(x, at, epsilons.layer)
}

/** Linear [norm], then `additionalVisualEmbeddingLayers` times Linear, ReLU [, norm], numbered through. */
function featureProjection(features: Tensor, at: Scope, options: VisualEmbeddingOptions): Tensor {
  const normed = options.useVisLayerNorm && options.individualVisLayerNorm
  let index = 0
  const next = () => at.at(index++)
  let x = linear(features, next(), options)
  if (normed) x = norm(x, next(), options)
  for (let layer = 0; layer < options.additionalVisualEmbeddingLayers; layer++) {
    x = relu(linear(x, next(), options))
    index++ // the ReLU's own place in the sequence
    if (normed) x = norm(x, next(), options)
  }
  return x
}

/** Four corners and the "area" (b3 − b2)(b1 − b0), by index as the reference has it. */
function boxProjection(boxes: Tensor, at: Scope, options: VisualEmbeddingOptions): Tensor {
  const side = (index: number) => slice(boxes, 2, index, index + 1)
  const area = mul(sub(side(3), side(2)), sub(side(1), side(0)))
  const x = linear(concat([boxes, area], 2), at.at(0), options)
  return options.useVisLayerNorm && options.individualVisLayerNorm ? norm(x, at.at(1), options) : x
}

/** Which image and which object a row is; object k has the k-th row from the end of the token table. */
function orderEmbedding(at: Scope, inputs: VisualInputs, options: VisualEmbeddingOptions): Tensor {
  const n = inputs.features.shape[1]!
  const table = at
    .at('img_order_embedding')
    .parameter('weight', [options.nImages, options.dModel], orderStart(options))
  const [vocabulary] = inputs.shared.shape as readonly [number, number]
  const images = inputs.imageOrder ?? firstImage(n)
  const objects = inputs.objectOrder ?? range(n)
  return add(gather(table, images), gather(inputs.shared, sub(vocabulary - 1, objects)))
}

const orderStart = ({ norm: kind }: VisualEmbeddingOptions) => normal(kind === 'rms' ? 1 : 0.02)

/** int64 zeros [n]. */
function firstImage(n: Dim): Tensor {
  return reshape(mul(range(n), 0), [n])
}
