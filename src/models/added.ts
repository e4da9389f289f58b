import { add, matMul, type Tensor } from '../graph/index.js'
import type { BackboneConfig, Variant } from './backbone.js'
import { architectureOf } from './backbones.js'
import type { Scope } from './scope.js'

/**
 * A linear layer that is added to a backbone. Its weights are made at once, whether or not it is used, and start as the
 * code base of the variant has it.
 */
export function addedLinear(
  at: Scope,
  sizes: { readonly from: number; readonly to: number },
  setting: { readonly config: BackboneConfig; readonly variant: Variant; readonly bias?: boolean },
): (x: Tensor) => Tensor {
  const { from, to } = sizes
  const { config, variant, bias: hasBias = true } = setting
  const start = architectureOf(config).newLinear(config, from, variant)
  const weight = at.parameter('weight', [to, from], start.weight)
  const bias = hasBias ? at.parameter('bias', [to], start.bias) : undefined
  return (x) => {
    const y = matMul(x, weight, { transposeB: true })
    return bias ? add(y, bias) : y
  }
}
