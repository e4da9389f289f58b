/**
 * Full fine-tuning: every parameter trains. Text and picture rows go through one joint encoder (VL-T5, Cho et al.
 * 2021): pictures follow the text, have no positions and are never masked.
 */
import { z } from 'zod'
import { concat, fill } from '../graph/index.js'
import { embed, encoderBias, head, runStack } from '../models/index.js'
import { backboneDecoderBias, backboneTable, crossAttention, headName, stackOf, wanted } from './backbone.js'
import { defineMethod } from './method.js'

const options = z.strictObject({
  /** Encoder layers that train, the rest of the blocks stays frozen; `null`: all. */
  encoderTrainableLayers: z.array(z.int().nonnegative()).nullable().default(null),
  decoderTrainableLayers: z.array(z.int().nonnegative()).nullable().default(null),
  /** Leave the head (and with it, if tied, its embedding) as it is. */
  freezeHead: z.boolean().default(false),
})

export const full = defineMethod<z.infer<typeof options>>({
  name: 'full',
  summary: 'every parameter of the backbone trains',
  options,
  trains(name, { encoderTrainableLayers, decoderTrainableLayers, freezeHead }, config) {
    if (freezeHead && name === headName(config)) return false
    const [, stack, layer] = /^(encoder|decoder)\.block\.(\d+)\./.exec(name) ?? []
    const kept = stack === 'encoder' ? encoderTrainableLayers : decoderTrainableLayers
    return stack === undefined || kept === null || kept.includes(Number(layer))
  },
  encode({ inputIds, attentionMask, visual }, { root, config, trace }) {
    const text = embed(root, config, inputIds)
    const pictureRows = visual?.shape[1] ?? 0
    const stack = stackOf('encoder', config)
    const hiddenStates = runStack(visual ? concat([text, visual], 1) : text, {
      ...{ root, stack, config },
      bias: encoderBias(backboneTable(root, stack, config), attentionMask, pictureRows),
    })
    trace?.('encoder', hiddenStates)
    const encoderMask = visual
      ? concat([attentionMask, fill(1, [attentionMask.shape[0]!, pictureRows], 'int64')], 1)
      : attentionMask
    return { encoderHiddenStates: hiddenStates, encoderMask }
  },
  decode({ encoderHiddenStates, encoderMask }, decoderInputIds, { root, config, ...context }) {
    const stack = stackOf('decoder', config)
    const hiddenStates = runStack(embed(root, config, decoderInputIds), {
      ...{ root, stack, config },
      bias: backboneDecoderBias(root, config, decoderInputIds.shape[1]!),
      cross: crossAttention(encoderHiddenStates!, encoderMask!),
    })
    return { logits: head(root, config, wanted(hiddenStates, context)) }
  },
})
