/**
 * A classifier over a BART with both stacks, as Hugging Face's: the decoder reads the text too, one place later, and
 * the state at the text's last end is classified. The reference measures importance with it; nothing trains so.
 */
import { input, logSoftmax, mul, neg, pick, sum } from '../graph/index.js'
import {
  type BackboneConfig,
  type BuiltGraph,
  backboneModel,
  buildModel,
  builtGraph,
  classify,
  ownBias,
  runStack,
  trainedGradients,
} from '../models/index.js'

/**
 * Inputs: `inputIds`, `attentionMask`, `decoderInputIds` int64 [batch, text], `labels` int64 [batch], `lossWeights`
 * [batch]. Outputs: `loss`, and the gradient of every parameter.
 */
export function decoderClassifierGraph(config: BackboneConfig, labels: number): BuiltGraph {
  const build = buildModel({ trains: () => true })
  const { encoder, decoder, crossBias } = backboneModel(config, build.root)
  const words = (name: string) => input(name, ['batch', 'text'], 'int64')
  const [ids, textMask, decoderIds] = ['inputIds', 'attentionMask', 'decoderInputIds'].map(words)
  const memory = runStack(encoder.enter(encoder.embed(ids!)), encoder, {
    bias: ownBias(encoder, { textMask: textMask!, pictureRows: 0 }),
  })
  const states = runStack(decoder.enter(decoder.embed(decoderIds!)), decoder, {
    ...{ bias: ownBias(decoder, { length: 'text' }), cross: { memory, bias: crossBias(textMask!) } },
  })
  const logits = classify(states, ids!, build.root.at('classification_head'), { labels, config })
  const losses = neg(pick(logSoftmax(logits), input('labels', ['batch'], 'int64')))
  const loss = sum(mul(losses, input('lossWeights', ['batch'])))
  return builtGraph({ loss, ...trainedGradients(loss, build) }, build)
}
