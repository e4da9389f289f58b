/** What every method does with the backbone's stacks. */
import { type Dim, slice, sumDims, type Tensor } from '../graph/index.js'
import {
  biasTable,
  blockedCross,
  type CrossAttention,
  decoderBias,
  maskBias,
  type Scope,
  type Stack,
  type T5Config,
  t5Sizes,
} from '../models/index.js'

export function stackOf(name: Stack['name'], config: T5Config): Stack {
  return { name, layers: name === 'encoder' ? config.numLayers : config.numDecoderLayers }
}

/** The position table of a backbone stack, which its block 0 owns. */
export function backboneTable(root: Scope, { name }: Stack, config: T5Config): Tensor {
  return biasTable(root.at(`${name}.block.0`), config.relativeAttentionNumBuckets, t5Sizes(config))
}

/** @param memory [batch, source, width]; mask int64 [batch, source] */
export function crossAttention(memory: Tensor, mask: Tensor): CrossAttention {
  return { memory, bias: maskBias(mask, blockedCross) }
}

/** The decoder's states [batch, target, width] whose logits are wanted. */
export function wanted(hiddenStates: Tensor, { lastOnly }: { readonly lastOnly?: boolean }): Tensor {
  const target = hiddenStates.shape[1]!
  return lastOnly ? slice(hiddenStates, 1, sumDims(target, -1), target) : hiddenStates
}

/** Bias of a backbone decoder's self attention for `length` positions. */
export function backboneDecoderBias(root: Scope, config: T5Config, length: Dim): Tensor {
  return decoderBias(backboneTable(root, stackOf('decoder', config), config), length)
}

/** The weight that makes logits: a tied head is the token table. */
export function headName({ tieWordEmbeddings }: T5Config): string {
  return tieWordEmbeddings ? 'shared.weight' : 'lm_head.weight'
}
