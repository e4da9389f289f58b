/** The model that a configuration asks for, as its configurations alone tell it: no weights are opened. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { methods } from '../../methods/index.js'
import { architectures, type BackboneConfig, readBackboneConfig } from '../../models/index.js'
import { tasks } from '../../tasks/index.js'
import { openTokenizer } from '../../text/index.js'
import { readModelConfig } from '../../weights/index.js'
import { backboneFolder, randomPrefix } from '../backbone.js'
import type { TrainConfig } from '../config.js'
import type { ModelSpec } from '../graphs.js'
import { checkLayers, positionRows, visualEmbeddingOf } from '../prepare.js'

/** What a model's sizes depend on besides its configurations. */
export interface ModelSizes {
  /** Rows of the token table; default: as training has it. */
  readonly vocabulary?: number | undefined
  /** Width of a picture's features. */
  readonly featDim: number
  /** A classifier of so many labels over the encoder; absent: the language model. */
  readonly labels?: number | undefined
}

/** @throws {UserError} a backbone that is not known, or settings that don't fit it */
export function estimatedModel(config: TrainConfig, sizes: ModelSizes): ModelSpec {
  const { method, methodOptions: options, task, dropout } = config
  const pictures = tasks.get(task).pictures !== undefined
  const { plain, tokens } = namedBackbone(config, pictures)
  const backbone: BackboneConfig = { ...plain, vocabSize: sizes.vocabulary ?? tokens() }
  const spec: ModelSpec = {
    ...{ config: backbone, method: methods.get(method), options, task, dropout },
    ...(sizes.labels === undefined ? {} : { classifier: { labels: sizes.labels } }),
    ...(pictures ? { vision: visualEmbeddingOf(config, backbone, sizes.featDim) } : {}),
  }
  checkLayers(config, spec)
  return spec
}

/** A published size, or the `config.json` and `tokenizer.json` of a folder, and the rows of its token table. */
function namedBackbone(
  { backbone: given, tokenizer }: TrainConfig,
  pictures: boolean,
): { readonly plain: BackboneConfig; readonly tokens: () => number } {
  const name = given.startsWith(randomPrefix) ? given.slice(randomPrefix.length) : given
  const folder = backboneFolder(given)
  const added = (own: number, names: number) => own + (pictures ? names : 0)
  if (!existsSync(folder)) {
    const { config, tokens, pictureTokens } = architectures.get(name)
    return {
      plain: readBackboneConfig(config, name),
      tokens: () => added(tokenizer === null ? tokens : tokensOf(tokenizer), pictureTokens),
    }
  }
  const plain = readBackboneConfig(readModelConfig(folder), join(folder, 'config.json'))
  return { plain, tokens: () => added(tokensOf(tokenizer ?? join(folder, 'tokenizer.json')), positionRows) }
}

const tokensOf = (tokenizer: string): number => openTokenizer(tokenizer).vocabularySize
