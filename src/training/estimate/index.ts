/** What a training takes, told from configurations alone: parameters, and memory by part. */

import { methods } from '../../methods/index.js'
import type { ParameterSpec } from '../../models/index.js'
import type { TrainConfig } from '../config.js'
import { type ModelSpec, modelParameters } from '../graphs.js'
import { elements } from '../parameters.js'
import { type BatchSizes, type MemoryParts, stepMemory } from './memory.js'
import { estimatedModel, type ModelSizes } from './model.js'

export type { BatchSizes, MemoryParts } from './memory.js'
export type { ModelSizes } from './model.js'

export interface ParameterCounts {
  readonly trained: number
  /** Of the model, with what the method and pictures add. */
  readonly all: number
  /** Of the backbone as it was, with the head that is asked for. */
  readonly backbone: number
}

export interface Estimate {
  readonly parameters: ParameterCounts
  readonly memory: MemoryParts
}

/**
 * @param batch sizes of a step's batch; its samples are the configuration's
 * @throws {UserError} a backbone that is not known, or settings that don't fit it
 */
export function estimate(
  config: TrainConfig,
  batch: Omit<BatchSizes, 'samples'>,
  sizes: ModelSizes,
): Estimate {
  const spec = estimatedModel(config, sizes)
  const samples = Math.ceil(config.batchSize / config.accumulate)
  return { parameters: countsOf(spec), memory: stepMemory(spec, { ...batch, samples }, config) }
}

/** @throws {UserError} as {@link estimate} */
export function countParameters(config: TrainConfig, sizes: ModelSizes): ParameterCounts {
  return countsOf(estimatedModel(config, sizes))
}

function countsOf(spec: ModelSpec): ParameterCounts {
  const own = modelParameters(spec)
  return {
    trained: count(own.filter(({ trained }) => trained)),
    all: count(own),
    backbone: count(plainParameters(spec)),
  }
}

function plainParameters({ vision: _, ...spec }: ModelSpec): readonly ParameterSpec[] {
  const method = methods.get('full')
  return modelParameters({ ...spec, method, options: method.options.parse({}) })
}

/** What a checkpoint may lack counts as no parameter: no method trains it. */
function count(parameters: readonly ParameterSpec[]): number {
  return parameters.filter(({ optional }) => !optional).reduce((sum, { shape }) => sum + elements(shape), 0)
}
