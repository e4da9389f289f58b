/**
 * How the backbone runs under every method that sends pictures through it: text and pictures go through one joint
 * encoder (VL-T5, Cho et al. 2021). Pictures follow the text, have no positions and are never masked.
 */
import { concat, type Dim, fill, slice, sumDims, type Tensor } from '../graph/index.js'
import { type KeyValues, ownBias, runStack } from '../models/index.js'
import type { DecoderOutput, EncoderInputs, EncoderState, MethodContext } from './method.js'

/**
 * @param prompt rows [batch, prompt, d] in front of the text, which count as text
 * @returns the encoder's states [batch, prompt + text + positions, d] and their mask
 */
export function encode(
  { inputIds, attentionMask, visual }: EncoderInputs,
  { model: { encoder }, trace }: Pick<MethodContext<unknown>, 'model' | 'trace'>,
  prompt?: Tensor,
): EncoderState {
  const tokens = encoder.embed(inputIds)
  const text = encoder.enter(prompt ? concat([prompt, tokens], 1) : tokens)
  const textMask = prompt ? concat([seen(attentionMask, prompt.shape[1]!), attentionMask], 1) : attentionMask
  const pictureRows = visual?.shape[1] ?? 0
  const hiddenStates = runStack(visual ? concat([text, visual], 1) : text, encoder, {
    bias: ownBias(encoder, { textMask, pictureRows }),
  })
  trace?.('encoder', hiddenStates)
  return { encoderHiddenStates: hiddenStates, encoderMask: withPictures(textMask, pictureRows) }
}

/** @param past keys and values in front of each decoder layer's own, whose positions come first */
export function decode(
  { encoderHiddenStates, encoderMask }: EncoderState,
  decoderInputIds: Tensor,
  { model, lastOnly }: Pick<MethodContext<unknown>, 'model' | 'lastOnly'>,
  past?: readonly KeyValues[],
): DecoderOutput {
  const { decoder } = model
  const first = (past?.[0]?.keys.shape[2] ?? 0) as number
  const length = decoderInputIds.shape[1]!
  const hiddenStates = runStack(decoder.enter(decoder.embed(decoderInputIds, first)), decoder, {
    bias: ownBias(decoder, { length, past: first }),
    cross: { memory: encoderHiddenStates!, bias: model.crossBias(encoderMask!) },
    ...(past ? { past } : {}),
  })
  return { logits: model.head(wanted(hiddenStates, { lastOnly })) }
}

/** Both, for methods that change nothing but what happens at sites. */
export const joint = {
  encode: (inputs: EncoderInputs, context: MethodContext<unknown>) => encode(inputs, context),
  decode: (state: EncoderState, ids: Tensor, context: MethodContext<unknown>) => decode(state, ids, context),
} as const

/** Picture rows are never masked. */
export function withPictures(mask: Tensor, pictureRows: Dim): Tensor {
  return pictureRows === 0 ? mask : concat([mask, seen(mask, pictureRows)], 1)
}

/** A mask of so many rows that all may be attended. */
const seen = (mask: Tensor, rows: Dim): Tensor => fill(1, [mask.shape[0]!, rows], 'int64')

/** The decoder's states [batch, target, width] whose logits are wanted. */
export function wanted(
  hiddenStates: Tensor,
  { lastOnly }: { readonly lastOnly?: boolean | undefined },
): Tensor {
  const target = hiddenStates.shape[1]!
  return lastOnly ? slice(hiddenStates, 1, sumDims(target, -1), target) : hiddenStates
}
