/** A CLIP's weights: whatever they are stored as, what comes out is float32 on disk by Hugging Face's names. */
import { createHash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { humanBytes, UserError } from '../../src/base/index.js'
import { cachedFile } from '../../src/files/index.js'
import { initialised } from '../../src/models/index.js'
import {
  asFloat32,
  type Checkpoint,
  openCheckpoint,
  openModelFolder,
  openSafetensors,
  requireTensors,
  type TensorToWrite,
  writeSafetensors,
} from '../../src/weights/index.js'
import type { ClipArchitecture } from './architectures.js'
import { type ClipConfig, readClipConfig } from './config.js'
import { visionParameters } from './graphs.js'
import { hasOpenAiNames, isTransformer, openAiConfig, translateOpenAi } from './openai.js'

export interface ClipWeights {
  readonly config: ClipConfig
  readonly weights: Checkpoint
  /** Changes when the weights do. */
  readonly identity: string
}

/**
 * A folder of Hugging Face's, or one whose `model.safetensors` has OpenAI's names: then its shapes tell everything.
 * Only the vision tower must be there.
 *
 * @param cache folder for what is written once
 * @throws {UserError} a folder that can't be read, another architecture, a missing or badly shaped tensor
 */
export function openClipFolder(path: string, cache: string): ClipWeights {
  const plain = existsSync(join(path, 'config.json')) ? undefined : openCheckpoint(path)
  if (plain && !hasOpenAiNames(plain))
    throw new UserError(`${path}: has no config.json: copy it there from the model's page`)
  const opened = plain ?? openModelFolder(path).checkpoint
  const identity = identityOf(opened)
  if (hasOpenAiNames(opened)) {
    if (!isTransformer(opened))
      throw new UserError(`${path}: is a ResNet CLIP, which can't be run yet: take a ViT`)
    const config = openAiConfig(opened)
    const weights = translated(opened, join(cache, 'clip'), identity)
    requireTensors(path, visionParameters(config), weights)
    return { config, weights, identity }
  }
  const config = readClipConfig(openModelFolder(path).config, join(path, 'config.json'))
  requireTensors(path, visionParameters(config), opened)
  return { config, weights: asFloat32(opened, cache), identity }
}

/** Paths, sizes and times of change of a checkpoint's files. */
function identityOf({ files }: Checkpoint): string {
  return JSON.stringify(
    files.map((path) => {
      const { size, mtimeMs } = statSync(path)
      return { path, size, mtimeMs }
    }),
  )
}

function translated(checkpoint: Checkpoint, folder: string, identity: string): Checkpoint {
  const key = createHash('sha256').update(identity).digest('hex').slice(0, 32)
  const tensors = translateOpenAi(checkpoint).map(
    ({ read, ...tensor }): TensorToWrite => ({ ...tensor, dtype: 'F32', data: () => [read()] }),
  )
  const path = cachedFile(folder, `${key}.safetensors`, (aside) => writeSafetensors(aside, tensors))
  return openSafetensors(path)
}

/** The vision tower of a published shape with seeded weights, written once. */
export function randomClip(
  { name, config }: ClipArchitecture,
  options: { readonly cache: string; readonly seed: number; readonly onNote: (text: string) => void },
): ClipWeights {
  const { cache, seed, onNote } = options
  const key = `${name}-vision-seed${seed}.safetensors`
  const path = cachedFile(join(cache, 'random'), key, (aside) => {
    const specs = visionParameters(config)
    const bytes = specs.reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0)
    onNote(`random:${name}: writing ${humanBytes(bytes)} of seeded weights into ${cache}, once`)
    writeSafetensors(
      aside,
      specs.map((spec) => ({
        ...{ name: spec.name, dtype: 'F32', shape: spec.shape },
        data: () => initialised(spec, seed),
      })),
    )
  })
  return { config, weights: openSafetensors(path), identity: key }
}
