/**
 * CLIP's vision transformer: patches and a class token through blocks.
 *
 * Shapes: b batch · n patches · w width.
 */
import {
  add,
  concat,
  type Dim,
  expand,
  matMul,
  productDims,
  reshape,
  slice,
  type Tensor,
  transpose,
} from '../../src/graph/index.js'
import { normal, type Scope, uniform } from '../../src/models/index.js'
import type { ClipConfig, ClipVisionConfig } from './config.js'
import { type PositionGrid, resizedPositions } from './positions.js'
import { norm, projection, runBlocks, type Trace } from './transformer.js'

export interface VisionStates {
  /** [b, n + 1, w]: the class token first, after the last block and before the last norm. */
  readonly lastHiddenState: Tensor
  /** [b, w]: the class token after the last norm. */
  readonly pooled: Tensor
}

/**
 * @param pixels [b, 3, height, width], normalised; sides are numbers. Another size than the model's has a resized
 *   position table, and what is left over at the right and below is not seen.
 */
export function visionTower(
  root: Scope,
  { vision: c }: ClipConfig,
  pixels: Tensor,
  trace?: Trace,
): VisionStates {
  const at = root.at('vision_model')
  const embedded = embeddings(at.at('embeddings'), c, pixels, trace)
  const x = norm(embedded, at.at('pre_layrnorm'), c)
  const lastHiddenState = runBlocks(x, at, c, { name: 'vision', trace })
  const [b] = x.shape as readonly [Dim]
  const last = at.at('post_layernorm')
  trace?.('vision.normed', norm(lastHiddenState, last, c))
  return { lastHiddenState, pooled: norm(reshape(slice(lastHiddenState, 1, 0, 1), [b, c.width]), last, c) }
}

/**
 * States of regions after the last norm: what the class token has as `pooled`, for a mean of other positions.
 *
 * @param states [b, n + 1, w], before the last norm
 * @param shares [b, regions, n + 1]: of each position in a region
 * @returns [b·regions, w]
 */
export function regionStates(root: Scope, { vision: c }: ClipConfig, states: Tensor, shares: Tensor): Tensor {
  const [b, regions] = shares.shape as readonly [Dim, Dim]
  const means = reshape(matMul(shares, states), [productDims(b, regions), c.width])
  return norm(means, root.at('vision_model.post_layernorm'), c)
}

/** The pooled state in the space of both towers, not normalised: [b, projection]. */
export function imageEmbeds(root: Scope, { projectionDim }: ClipConfig, pooled: Tensor): Tensor {
  return projection(pooled, root.at('visual_projection'), projectionDim)
}

function embeddings(at: Scope, c: ClipVisionConfig, pixels: Tensor, trace?: Trace): Tensor {
  const [b, , height, width] = pixels.shape as readonly [Dim, Dim, number, number]
  const grid = { rows: Math.floor(height / c.patchSize), columns: Math.floor(width / c.patchSize) }
  const patches = patchEmbedding(at.at('patch_embedding'), c, pixels, grid)
  const classToken = at.parameter('class_embedding', [c.width], normal(c.width ** -0.5))
  const side = Math.floor(c.imageSize / c.patchSize)
  const table = at
    .at('position_embedding')
    .parameter('weight', [side * side + 1, c.width], normal(c.width ** -0.5))
  return at.build(() => {
    const positions = resizedPositions(table, side, grid)
    trace?.('positions', positions)
    const first = expand(reshape(classToken, [1, 1, c.width]), [b, 1, c.width])
    const embedded = add(concat([first, patches], 1), positions)
    trace?.('embeddings', embedded)
    return embedded
  })
}

/** The convolution whose stride is its kernel, as a product: [b, 3, …, …] → [b, n, w], row by row. */
function patchEmbedding(at: Scope, c: ClipVisionConfig, pixels: Tensor, { rows, columns }: PositionGrid) {
  const { patchSize: p, width } = c
  const inputs = 3 * p * p
  const weight = at.parameter('weight', [width, 3, p, p], uniform(inputs ** -0.5))
  return at.build(() => {
    const [b] = pixels.shape as readonly [Dim]
    const seen = slice(slice(pixels, 2, 0, rows * p), 3, 0, columns * p)
    const split = reshape(seen, [b, 3, rows, p, columns, p])
    const patches = reshape(transpose(split, [0, 2, 4, 1, 3, 5]), [b, rows * columns, inputs])
    return matMul(patches, reshape(weight, [width, inputs]), { transposeB: true })
  })
}
