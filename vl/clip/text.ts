/**
 * CLIP's text tower: a causal transformer, read off at the end of the text.
 *
 * Shapes: b batch · t text · w width.
 */
import {
  add,
  argMax,
  cast,
  type Dim,
  equal,
  gather,
  matMul,
  range,
  reshape,
  type Tensor,
} from '../../src/graph/index.js'
import { causalBias, maskBias, normal, type Scope } from '../../src/models/index.js'
import type { ClipConfig, ClipTextConfig } from './config.js'
import { norm, projection, runBlocks, type Trace } from './transformer.js'

export interface TextStates {
  /** [b, t, w], after the last norm. */
  readonly lastHiddenState: Tensor
  /** [b, w]: the state at the end of the text. */
  readonly pooled: Tensor
}

const blocked = -1e9

/**
 * @param ids int64 [b, t]; t at most the model's positions
 * @param mask int64 [b, t], 1 where there is text; states of padding depend on it, the pooled state does not
 */
export function textTower(
  root: Scope,
  { text: c }: ClipConfig,
  ids: Tensor,
  mask?: Tensor,
  trace?: Trace,
): TextStates {
  const at = root.at('text_model')
  const [, t] = ids.shape as readonly [Dim, Dim]
  const x = embeddings(at.at('embeddings'), c, ids)
  const causal = causalBias(t, blocked)
  const bias = mask ? add(causal, maskBias(mask, blocked)) : causal
  const h = runBlocks(x, at, c, { name: 'text', bias, trace })
  const lastHiddenState = norm(h, at.at('final_layer_norm'), c)
  return { lastHiddenState, pooled: at.build(() => stateAt(lastHiddenState, endPosition(ids, c))) }
}

/** The pooled state in the space of both towers, not normalised: [b, projection]. */
export function textEmbeds(root: Scope, { projectionDim }: ClipConfig, pooled: Tensor): Tensor {
  return projection(pooled, root.at('text_projection'), projectionDim)
}

function embeddings(at: Scope, c: ClipTextConfig, ids: Tensor): Tensor {
  const tokens = at.at('token_embedding').parameter('weight', [c.vocabSize, c.width], normal(0.02))
  const table = at.at('position_embedding').parameter('weight', [c.positions, c.width], normal(0.01))
  return at.build(() => add(gather(tokens, ids), gather(table, range(ids.shape[1]!))))
}

/** Hugging Face's rule: where the end token is first, or in old files (end token 2) the largest id, as OpenAI has it. */
function endPosition(ids: Tensor, { eosTokenId }: ClipTextConfig): Tensor {
  return argMax(eosTokenId === 2 ? ids : cast(equal(ids, eosTokenId), 'int32'))
}

/** The row of each sample at its position: [b, t, w], int64 [b] → [b, w]. */
function stateAt(states: Tensor, positions: Tensor): Tensor {
  const [b, t, w] = states.shape as readonly [Dim, Dim, number]
  const chosen = cast(equal(reshape(positions, [b, 1]), reshape(range(t), [1, t])), 'float32')
  return reshape(matMul(reshape(chosen, [b, 1, t]), states), [b, w])
}
