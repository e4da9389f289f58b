/** The table of architectures, by Hugging Face's `model_type`. A new one is one file and one line here. */
import { registry, UserError } from '../base/index.js'
import type { BackboneConfig, BackboneModel } from './backbone.js'
import { bart } from './bart.js'
import type { Initializer, Scope } from './scope.js'
import { t5 } from './t5.js'

const architectures = registry('model_type', [t5, bart])

/** The row of a configuration. */
export const architectureOf = ({ modelType }: Pick<BackboneConfig, 'modelType'>) =>
  architectures.get(modelType)

/**
 * @param raw the fields of `config.json`
 * @param where the file, for messages
 * @throws {UserError} another architecture, a missing field or one of the wrong kind
 */
export function readBackboneConfig(raw: Readonly<Record<string, unknown>>, where: string): BackboneConfig {
  const type = raw.model_type
  if (typeof type !== 'string' || !architectures.names.includes(type)) {
    throw new UserError(
      `${where}: "model_type" is ${JSON.stringify(type)}: take a model of type ${architectures.names.join(' or ')}`,
    )
  }
  return architectures.get(type).readConfig(raw, where)
}

export function backboneModel(config: BackboneConfig, root: Scope): BackboneModel {
  return architectureOf(config).build(config, root)
}

/** Name of the weight that makes logits; a tied one is the token table. */
export function headName(config: BackboneConfig): string {
  return architectureOf(config).headName(config)
}

/** How rows of a table that is added to a backbone start. */
export function newTable(config: BackboneConfig): Initializer {
  return architectureOf(config).newTable(config)
}
