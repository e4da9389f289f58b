/** What a run says of itself when it starts. */
import type { TrainConfig } from './config.js'
import type { RunData } from './data.js'
import type { TrainEvent } from './events.js'
import { elements } from './parameters.js'
import type { Prepared } from './prepare.js'
import type { Trainer } from './trainer.js'

/** @param at steps: those of the whole run, and those done already */
export function startEvent(
  folder: string,
  config: TrainConfig,
  { data, backbone }: Prepared & { readonly data: RunData },
  { parameters: { parameters } }: Trainer,
  at: { readonly totalSteps: number; readonly step: number },
): TrainEvent {
  const frozen = [...backbone.weights.tensors.values()].filter(({ name }) => !parameters.has(name))
  const count = (tensors: Iterable<{ readonly shape: readonly number[] }>) =>
    [...tensors].reduce((sum, { shape }) => sum + elements(shape), 0)
  const trained = count(parameters.values())
  const splits = Object.entries(data.splits).map(([split, samples]) => [split, samples.length])
  return {
    ...{ kind: 'start', folder, config, trained, parameters: trained + count(frozen) },
    ...{ samples: Object.fromEntries(splits), ...at },
  }
}
