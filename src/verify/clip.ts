/** A case of a whole CLIP in training. */
import { z } from 'zod'
import { type ClipConfig, contrastiveGraph, readClipConfig } from '../../vl/index.js'
import { UserError } from '../base/index.js'
import { checkInputs } from './batch.js'
import { type RecordedCase, readValues } from './case.js'
import { tensorOf } from './feeds.js'
import { NotSupported } from './notSupported.js'
import { checkOptions, noEffect, type Rules, readOptions, to } from './options.js'
import type { Subject } from './run.js'
import type { TrainSettings } from './train.js'
import { copyOf } from './values.js'

/** @throws {NotSupported} another model, or a configuration that isn't built */
export function readClip({ json, name }: RecordedCase): ClipConfig {
  try {
    return readClipConfig(json.model ?? {}, name)
  } catch (error) {
    if (error instanceof UserError) throw new NotSupported(`model: ${error.message}`)
    throw error
  }
}

const methodRules: Rules = { name: noEffect, train_prefixes: to('trainPrefixes') }
const methodSchema = z.object({ trainPrefixes: z.array(z.string()).default(['']) })

/** What goes in, by the names of the case and of the graph. */
const inputs = {
  pixel_values: 'pixelValues',
  input_ids: 'inputIds',
  attention_mask: 'attentionMask',
} as const

/** What a case may want to see, by the names of the case and of the graph. */
const outputs = {
  logits_per_image: 'logitsPerImage',
  logits_per_text: 'logitsPerText',
  image_embeds: 'imageEmbeds',
  text_embeds: 'textEmbeds',
} as const

/** @throws {NotSupported} what the case asks for and the program doesn't have */
export function readClipSubject(recorded: RecordedCase, settings: TrainSettings): Subject {
  const { task, method = {} } = recorded.json
  if (task !== 'clip-contrastive') throw new NotSupported(`task ${JSON.stringify(task)} of a CLIP`)
  if (settings.accumulate > 1) throw new NotSupported('a contrastive loss over parts of a batch')
  checkInputs(recorded, Object.keys(inputs))
  const { trainPrefixes } = checkOptions('method', readOptions('method', method, methodRules), methodSchema)
  return {
    built: contrastiveGraph(readClip(recorded), {
      trains: (name) => trainPrefixes.some((prefix) => name.startsWith(prefix)),
      outputs: Object.values(outputs),
    }),
    parts: 1,
    feeds: () =>
      Object.fromEntries(
        Object.entries(inputs).map(([name, to]) => [to, tensorOf(readValues(recorded.inputs, name))]),
      ),
    observe(computed, values) {
      for (const [name, from] of Object.entries(outputs)) values.set(`want/${name}`, copyOf(computed[from]!))
    },
  }
}
