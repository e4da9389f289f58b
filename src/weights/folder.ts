import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { UserError } from '../base/index.js'
import { openCheckpoint } from './checkpoint.js'
import { readJson, statusOf } from './json.js'
import type { Checkpoint } from './stored.js'

/** `config.json` as it is; what the fields mean, the model of that `model_type` checks. */
export type ModelConfig = Readonly<Record<string, unknown>> & { readonly model_type: string }

/** A model as Hugging Face's libraries save it. */
export interface ModelFolder {
  readonly path: string
  readonly config: ModelConfig
  readonly checkpoint: Checkpoint
  /** The path of `tokenizer.json`, if the folder has one. */
  readonly tokenizerFile: string | undefined
}

/**
 * Opens a Hugging Face folder: `config.json`, `model.safetensors` (or shards), `tokenizer.json`.
 *
 * @throws {UserError} no such folder; `config.json` missing, not JSON or without `model_type`; what
 *   `openCheckpoint` finds
 */
export function openModelFolder(path: string): ModelFolder {
  const config = readModelConfig(path)
  const tokenizer = join(path, 'tokenizer.json')
  return {
    path,
    config,
    checkpoint: openCheckpoint(path),
    tokenizerFile: existsSync(tokenizer) ? tokenizer : undefined,
  }
}

const configSchema = z.looseObject({ model_type: z.string() })

/** Reads `config.json` of a folder, without touching its weights. @throws {UserError} as above */
export function readModelConfig(path: string): ModelConfig {
  const status = statusOf(path)
  if (!status) throw new UserError(`${path}: there is no such folder: check the path`)
  if (!status.isDirectory())
    throw new UserError(`${path}: is a file: give the folder with config.json and model.safetensors`)
  const file = join(path, 'config.json')
  if (!existsSync(file))
    throw new UserError(`${path}: has no config.json: copy it there from the model's page`)
  const checked = configSchema.safeParse(readJson(file))
  if (!checked.success)
    throw new UserError(`${file}: has no text in "model_type": add it, for example "model_type": "t5"`)
  return checked.data
}
