/**
 * Places in a model at which something may be changed while it is built. A model offers its sites and does not know
 * who uses them; where nobody does, they leave no trace in the graph.
 */
import type { Tensor } from '../graph/index.js'
import type { Scope } from './scope.js'

/** What a linear layer is for. */
export type LinearRole =
  | 'query'
  | 'key'
  | 'value'
  | 'output'
  | 'feedForwardIn'
  | 'feedForwardOut'
  /** From the decoder's states to logits. */
  | 'head'

export type Sublayer = 'selfAttention' | 'crossAttention' | 'feedForward'

export interface Sites {
  /** y = x Wᵀ (+ b) of the linear layer at `at`; x [b, t, in], y [b, t, out]. */
  linear?(
    y: Tensor,
    x: Tensor,
    site: { readonly at: Scope; readonly role: LinearRole; readonly hasBias: boolean },
  ): Tensor
  /** A norm's result; y [b, t, d]. */
  norm?(y: Tensor, site: { readonly at: Scope; readonly hasBias: boolean }): Tensor
  /** What a sublayer adds to the residual stream, before its dropout; y [b, t, d]. */
  sublayer?(y: Tensor, site: { readonly at: Scope; readonly kind: Sublayer }): Tensor
}

/** Which layer of which stack of the backbone something belongs to. */
export interface Place {
  readonly stack: 'encoder' | 'decoder'
  readonly layer: number
}

/** The place of a parameter or scope by its name; none outside the backbone's blocks. */
export function placeOf(name: string): Place | undefined {
  const [, stack, layer] = /^(?:model\.)?(encoder|decoder)\.(?:block|layers)\.(\d+)(?:\.|$)/.exec(name) ?? []
  return layer === undefined ? undefined : { stack: stack as Place['stack'], layer: Number(layer) }
}
