/** The gradient graph of a case, with the intermediate values that the case wants to see. */
import { expand, type Tensor } from '../graph/index.js'
import type { BuiltGraph } from '../models/index.js'
import type { Tensors } from '../runtime/index.js'
import { gradientGraph, type ModelSpec } from '../training/index.js'
import type { RecordedCase } from './case.js'
import { copyOf, type Values } from './values.js'

/** Outputs beside loss and gradients: what the case calls them, without `want/`. */
const outputOf = (name: string) => `want/${name}`

/** Expected values of step 0 without `want/`. */
export const wantedNames = ({ expected }: RecordedCase): string[] =>
  [...expected.tensors.keys()].flatMap((name) => /^want\/(.+)/.exec(name)?.[1] ?? [])

/** Copies what {@link observedGraph} put out. */
export function observedValues(outputs: Tensors, values: Map<string, Values>): void {
  for (const [name, tensor] of Object.entries(outputs))
    if (name.startsWith(outputOf(''))) values.set(name, copyOf(tensor))
}

/** A bias of attention is the same for every sample or head where nothing tells them apart; cases have all. */
const attentionBias = /^side\.\w+\.bias\.\d+$/

/**
 * @param names expected values without `want/`; those that the model doesn't have are left out
 */
export function observedGraph(spec: ModelSpec, names: readonly string[]): BuiltGraph {
  const seen = new Map<string, Tensor>()
  return gradientGraph(spec, {
    trace: (name, value) => seen.set(name, value),
    extra: ({ logits, tokenLoss }) => {
      seen.set('logits', logits).set('token_loss', tokenLoss)
      const wanted = names.flatMap((name) => {
        const value = seen.get(name)
        return value ? [[outputOf(name), attentionBias.test(name) ? dense(value) : value] as const] : []
      })
      return Object.fromEntries(wanted)
    },
  })
}

/** [batch or 1, heads or 1, queries or 1, keys] → [batch, heads, keys, keys] */
function dense(bias: Tensor): Tensor {
  const [, heads, , keys] = bias.shape
  return expand(bias, ['batch', heads!, keys!, keys!])
}
