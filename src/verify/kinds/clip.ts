/** The towers of a CLIP alone. */
import { z } from 'zod'
import { type ClipConfig, textGraph, visionGraph } from '../../../vl/index.js'
import type { BuiltGraph } from '../../models/index.js'
import type { Tensors } from '../../runtime/index.js'
import { checkInputs } from '../batch.js'
import { type RecordedCase, readValues } from '../case.js'
import { readClip } from '../clip.js'
import { tensorOf } from '../feeds.js'
import type { Kind, VerifyContext } from '../kind.js'
import { NotSupported } from '../notSupported.js'
import { noEffect, type Rules, readOptions, to } from '../options.js'
import { openCaseSession } from '../precision.js'
import { copyOf, type Values } from '../values.js'

/** What a case calls the graphs' outputs; other names are the same. */
const renamed: Readonly<Record<string, string>> = {
  last_hidden_state: 'lastHiddenState',
  pooler_output: 'pooled',
  image_embeds: 'imageEmbeds',
  text_embeds: 'textEmbeds',
}

/** Names of expected values without `want/`. */
const wantedOf = ({ expected }: RecordedCase): string[] =>
  [...expected.tensors.keys()].map((name) => name.replace('want/', ''))

/** The pictures themselves say how large they are. */
const visionRules: Rules = {
  interpolate_positions: to('interpolates'),
  height: noEffect,
  width: noEffect,
}

/** `want/vision.I`, `positions`, `embeddings`, `last_hidden_state`, `pooler_output`, `image_embeds` of `in/pixel_values`. */
export const clipVision: Kind = {
  name: 'clip-vision',
  async compute(recorded, context) {
    checkInputs(recorded, ['pixel_values'])
    const config = readClip(recorded)
    const pixels = tensorOf(readValues(recorded.inputs, 'pixel_values'))
    const [, , height, width] = pixels.shape as readonly [number, number, number, number]
    const isOther = height !== config.vision.imageSize || width !== config.vision.imageSize
    const { interpolates } = readOptions('module', optionsOf(recorded), visionRules)
    if (isOther && interpolates !== true) throw new NotSupported(`pictures of ${width}×${height}`)
    const wanted = wantedOf(recorded)
    const built = visionGraph(config, { size: { height, width }, outputs: graphNames(wanted) })
    return { values: await run(recorded, built, { pixelValues: pixels }, wanted, context) }
  },
}

const optionsOf = ({ json }: RecordedCase) =>
  z.record(z.string(), z.unknown()).default({}).parse(json.options)

const unmasked = 'last_hidden_state_no_mask'

/** `want/text.I`, `last_hidden_state` with and without the mask, `pooler_output`, `text_embeds` of `in/input_ids`. */
export const clipText: Kind = {
  name: 'clip-text',
  async compute(recorded, context) {
    checkInputs(recorded, ['input_ids', 'attention_mask'])
    const { inputs } = recorded
    const config: ClipConfig = readClip(recorded)
    const masked = inputs.tensors.has('attention_mask')
    const inputIds = tensorOf(readValues(inputs, 'input_ids'))
    const mask = masked ? { attentionMask: tensorOf(readValues(inputs, 'attention_mask')) } : {}
    const wanted = wantedOf(recorded).filter((name) => name !== unmasked)
    const built = textGraph(config, { masked, outputs: graphNames(wanted) })
    const values = await run(recorded, built, { inputIds, ...mask }, wanted, context)
    const plain = textGraph(config, { outputs: ['lastHiddenState'] })
    const [state] = (await run(recorded, plain, { inputIds }, ['last_hidden_state'], context)).values()
    return { values: values.set(`want/${unmasked}`, state!) }
  },
}

const graphNames = (wanted: readonly string[]) => wanted.map((name) => renamed[name] ?? name)

async function run(
  recorded: RecordedCase,
  built: BuiltGraph,
  feeds: Tensors,
  wanted: readonly string[],
  context: VerifyContext,
): Promise<Map<string, Values>> {
  const session = await openCaseSession(built, recorded, context)
  try {
    const computed = await session.run(feeds)
    return new Map(wanted.map((name) => [`want/${name}`, copyOf(computed[renamed[name] ?? name]!)]))
  } finally {
    session.close()
  }
}
