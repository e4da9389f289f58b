/** What a case is a model of. */
import { UserError } from '../base/index.js'
import { readT5Config, type T5Config } from '../models/index.js'
import type { ModelSpec } from '../training/index.js'
import type { RecordedCase } from './case.js'
import { readMethod } from './methods.js'
import { NotSupported } from './notSupported.js'
import { type CaseVision, readVision } from './vision.js'

export interface CaseModel {
  readonly spec: ModelSpec
  readonly vision: CaseVision | undefined
}

/** @throws {NotSupported} a model, method or option that isn't built */
export function readModel(recorded: RecordedCase): CaseModel {
  const config = readConfig(recorded)
  const vision = readVision(recorded, { dModel: config.dModel, norm: 'rms' })
  const spec = { config, ...readMethod(recorded), dropout: 0 }
  return { spec: vision ? { ...spec, vision: vision.embedding } : spec, vision }
}

/** @throws {NotSupported} another architecture, or a configuration that isn't built */
export function readConfig({ json, name }: RecordedCase): T5Config {
  const { model = {} } = json
  const { model_type: type, relative_attention_max_distance: distance = 128 } = model
  if (type !== 't5') throw new NotSupported(`model_type ${JSON.stringify(type)}`)
  if (distance !== 128) throw new NotSupported(`relative_attention_max_distance = ${distance}`)
  try {
    return readT5Config(model, name)
  } catch (error) {
    if (error instanceof UserError) throw new NotSupported(`model: ${error.message}`)
    throw error
  }
}
