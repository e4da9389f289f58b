/** What an adapter says about itself, so that it is only ever put where it was trained. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { UserError } from '../base/index.js'
import type { Tokenizer } from '../text/index.js'
import { tryJson } from '../weights/index.js'
import type { Backbone } from './backbone.js'
import type { TrainConfig } from './config.js'
import { fingerprintOf } from './fingerprint.js'

const schema = z.object({
  format: z.literal(1),
  method: z.string(),
  options: z.record(z.string(), z.unknown()),
  variant: z.string(),
  backbone: z.object({ name: z.string(), fingerprint: z.string() }),
  task: z.string(),
  /** What turns pictures into rows; null: nothing. */
  vision: z.string().nullable(),
  /** Rows of the token table, and a hash of the tokens. */
  vocabulary: z.object({ size: z.int().positive(), fingerprint: z.string() }),
})

export type Description = z.infer<typeof schema>

/** Key of the description in the metadata of weights whose configuration is PEFT's or a whole model's. */
export const descriptionKey = 'vl_lst'

export interface Described {
  readonly backbone: Backbone
  readonly tokenizer: Tokenizer
}

/** Reads a little of every tensor of the backbone, the first time. */
export function describe(config: TrainConfig, { backbone, tokenizer }: Described): Description {
  const { method, methodOptions: options, variant, task, vision } = config
  return {
    ...{ format: 1, method, options, variant },
    backbone: { name: config.backbone, fingerprint: fingerprintOf(backbone) },
    ...{ task, vision },
    vocabulary: { size: backbone.config.vocabSize, fingerprint: tokenizer.fingerprint() },
  }
}

/**
 * @param configFile `adapter_config.json`: ours, or PEFT's; a whole model's `config.json`
 * @param metadata of the weights beside it
 * @returns nothing for PEFT's own, a model from elsewhere or of an earlier version, which do not say what they are for
 * @throws {UserError} it is neither
 */
export function readDescription(
  configFile: string,
  metadata: Readonly<Record<string, string>>,
  { isWhole }: { readonly isWhole: boolean },
): Description | undefined {
  const json = tryJson(readFileSync(configFile, 'utf8'))
  const inMetadata = isWhole || (typeof json === 'object' && json !== null && 'peft_type' in json)
  const said = metadata[descriptionKey]
  if (inMetadata && said === undefined) return undefined
  const checked = schema.safeParse(inMetadata ? tryJson(said!) : json)
  if (checked.success) return checked.data
  const field = checked.error.issues[0]?.path.join('.')
  throw new UserError(
    `${configFile}: does not say what the adapter is for${field ? ` ("${field}")` : ''}: take the file that was saved with it`,
  )
}

/** @throws {UserError} the tokenizer is not the one that the adapter was trained with */
export function checkVocabulary(
  { vocabulary }: Description,
  file: string,
  { backbone, tokenizer }: Described,
): void {
  const size = backbone.config.vocabSize
  if (size === vocabulary.size && tokenizer.fingerprint() === vocabulary.fingerprint) return
  throw new UserError(
    `${file}: was trained with another vocabulary (of ${vocabulary.size} rows; the tokenizer here gives ${size}): ` +
      'put the tokenizer back that the run was trained with',
  )
}

/** @throws {UserError} the backbone's weights are not those that the adapter was trained beside */
export function checkBackbone({ backbone: saved }: Description, file: string, { backbone }: Described): void {
  if (fingerprintOf(backbone) === saved.fingerprint) return
  throw new UserError(
    `${file}: was trained on another backbone (${saved.name}) than ${backbone.name}, whose weights have other values: ` +
      'put the backbone back that the run was trained with',
  )
}
