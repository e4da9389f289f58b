/** A classifier over an encoder's states, as Hugging Face's BART has it (Lewis et al. 2020, §3.1). */
import { add, argMax, cast, equal, matMul, range, reshape, type Tensor, tanh, where } from '../graph/index.js'
import { addedLinear } from './added.js'
import type { BackboneConfig } from './backbone.js'
import type { Scope } from './scope.js'

export interface Classifier {
  /** How many classes; 1: a number is predicted. */
  readonly labels: number
}

/**
 * Reads the state of a row's last end-of-sequence token.
 *
 * @param states [b, t, d]
 * @param ids int64 [b, t], at least one end in each row
 * @returns logits [b, labels]
 */
export function classify(
  states: Tensor,
  ids: Tensor,
  at: Scope,
  { labels, config }: Classifier & { readonly config: BackboneConfig },
): Tensor {
  const linear = (x: Tensor, name: string, to: number) =>
    addedLinear(at.at(name), { from: config.dModel, to }, { config, variant: 'text' })(x)
  const read = at.dropout(lastEnd(states, ids, config.eosTokenId)) //               b d
  const hidden = at.dropout(tanh(linear(read, 'dense', config.dModel)))
  return linear(hidden, 'out_proj', labels)
}

/** The rows [b, d] of the last places where `end` stands. */
function lastEnd(states: Tensor, ids: Tensor, end: number): Tensor {
  const [b, t, d] = states.shape
  const places = range(t!)
  const last = argMax(where(equal(ids, end), add(places, 1), 0)) //                 b
  const chosen = cast(equal(places, reshape(last, [b!, 1])), 'float32') //          b t
  return reshape(matMul(reshape(chosen, [b!, 1, t!]), states), [b!, d!])
}
