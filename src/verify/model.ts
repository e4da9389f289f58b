/** What a case is a model of. */
import { UserError } from '../base/index.js'
import { architectureOf, type BackboneConfig, readBackboneConfig } from '../models/index.js'
import type { ModelSpec } from '../training/index.js'
import type { RecordedCase } from './case.js'
import { readMethod } from './methods.js'
import { NotSupported } from './notSupported.js'
import { taskName } from './task.js'
import { type CaseVision, readVision } from './vision.js'

export interface CaseModel {
  readonly spec: ModelSpec
  readonly vision: CaseVision | undefined
}

/** @throws {NotSupported} a model, method or option that isn't built */
export function readModel(recorded: RecordedCase): CaseModel {
  const config = readConfig(recorded)
  const vision = readVision(recorded, { dModel: config.dModel, norm: architectureOf(config).norm })
  const { tasks, ...method } = readMethod(recorded)
  const task = taskName(recorded)
  const spec = {
    ...{ config, ...method, dropout: 0 },
    ...(task === undefined ? {} : { task, tasks: tasks ?? [task] }),
    ...classifierOf(recorded),
  }
  return { spec: vision ? { ...spec, vision: vision.embedding } : spec, vision }
}

/** @throws {NotSupported} another architecture, or a configuration that isn't built */
export function readConfig({ json, name }: RecordedCase): BackboneConfig {
  try {
    return readBackboneConfig(json.model ?? {}, name)
  } catch (error) {
    if (error instanceof UserError) throw new NotSupported(`model: ${error.message}`)
    throw error
  }
}

const architecture = 'encoder-classifier'

function classifierOf({ json }: RecordedCase): Pick<ModelSpec, 'classifier'> {
  const { architecture: given, num_labels: labels } = json.model ?? {}
  if (given === undefined) return {}
  if (given !== architecture || typeof labels !== 'number')
    throw new NotSupported(`architecture ${JSON.stringify(given)} with ${JSON.stringify(labels)} labels`)
  return { classifier: { labels } }
}
