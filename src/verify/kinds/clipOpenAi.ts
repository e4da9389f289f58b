import { z } from 'zod'
import {
  type ClipConfig,
  contrastiveGraph,
  openAiConfig,
  textGraph,
  translateOpenAi,
  visionGraph,
} from '../../../vl/index.js'
import type { BuiltGraph } from '../../models/index.js'
import { float32, int64, nativeRuntime, type Tensors } from '../../runtime/index.js'
import { checkInputs } from '../batch.js'
import { type RecordedCase, readValues } from '../case.js'
import { tensorOf } from '../feeds.js'
import type { Kind, VerifyContext } from '../kind.js'
import { NotSupported } from '../notSupported.js'
import { copyOf, type Values } from '../values.js'

const modelSchema = z.strictObject({
  model_type: z.literal('clip-openai'),
  image_resolution: z.int(),
  vision_patch_size: z.int(),
  vision_width: z.int(),
  vision_layers: z.int(),
  vision_heads: z.int(),
  embed_dim: z.int(),
  context_length: z.int(),
  vocab_size: z.int(),
  transformer_width: z.int(),
  transformer_layers: z.int(),
  transformer_heads: z.int(),
})

/** A whole CLIP under OpenAI's names, of `in/pixel_values` and `in/text`; there is no padding mask. */
export const clipOpenAi: Kind = {
  name: 'clip-openai',
  async compute(recorded, context) {
    checkInputs(recorded, ['pixel_values', 'text'])
    const config = readConfig(recorded)
    const parameters = Object.fromEntries(
      translateOpenAi(recorded.weights).map(({ name, shape, read }) => [
        name,
        float32(shape, read().slice()),
      ]),
    )
    const pixelValues = tensorOf(readValues(recorded.inputs, 'pixel_values'))
    const inputIds = tensorOf(readValues(recorded.inputs, 'text'))
    const attentionMask = int64(inputIds.shape, new BigInt64Array(inputIds.data.length).fill(1n))
    const run = (built: BuiltGraph, outputs: Readonly<Record<string, string>>) =>
      evaluate(built, { ...parameters, pixelValues, inputIds, attentionMask }, outputs, context)
    const all = { trains: () => true }
    const image = visionGraph(config, { ...all, outputs: ['vision.normed', 'imageEmbeds'] })
    const text = textGraph(config, { ...all, outputs: ['textEmbeds'] })
    const both = contrastiveGraph(config, { ...all, outputs: ['logitsPerImage', 'logitsPerText'] })
    return {
      values: new Map([
        ...(await run(image, { vision_tokens: 'vision.normed', image_features: 'imageEmbeds' })),
        ...(await run(text, { text_features: 'textEmbeds' })),
        ...(await run(both, { logits_per_image: 'logitsPerImage', logits_per_text: 'logitsPerText' })),
      ]),
    }
  },
}

/** The shapes tell all but the heads; what the case says besides must agree. */
function readConfig({ json, weights }: RecordedCase): ClipConfig {
  const { data: given, error } = modelSchema.safeParse(json.model)
  if (!given) throw new NotSupported(`model: ${error.issues[0]!.message}`)
  const config = openAiConfig(weights, { vision: given.vision_heads, text: given.transformer_heads })
  const { vision, text } = config
  const pairs = [
    [given.image_resolution, vision.imageSize],
    [given.vision_patch_size, vision.patchSize],
    [given.vision_width, vision.width],
    [given.vision_layers, vision.layers],
    [given.embed_dim, config.projectionDim],
    [given.context_length, text.positions],
    [given.vocab_size, text.vocabSize],
    [given.transformer_width, text.width],
    [given.transformer_layers, text.layers],
  ] as const
  const differing = pairs.find(([said, found]) => said !== found)
  if (differing) throw new NotSupported(`model: ${differing[0]} where the weights have ${differing[1]}`)
  return config
}

async function evaluate(
  built: BuiltGraph,
  feeds: Tensors,
  outputs: Readonly<Record<string, string>>,
  { threads }: VerifyContext,
): Promise<[string, Values][]> {
  const session = await nativeRuntime.createSession(built.graph, threads ? { threads } : {})
  try {
    const computed = await session.run(feeds)
    return Object.entries(outputs).map(([name, from]) => [`want/${name}`, copyOf(computed[from]!)])
  } finally {
    session.close()
  }
}
