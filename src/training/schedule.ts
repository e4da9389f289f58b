/**
 * Learning rates over the steps of a run, as transformers 4.6.0 has them (`optimization.py`). Steps count from 0 and
 * are optimizer steps. A warm-up rises from 0: the first step of a run with warm-up changes nothing but moments.
 *
 * s step · W warm-up steps · N total steps · λ factor of the rate
 */
import { registry, UserError } from '../base/index.js'
import type { TrainConfig } from './config.js'

export interface ScheduleSettings {
  /** The rate that the schedule scales. */
  readonly learningRate: number
  readonly warmupSteps: number
  readonly totalSteps: number
}

export interface Schedule {
  readonly name: string
  readonly summary: string
  readonly warmsUp: boolean
  /** λ at step s ≥ W. */
  readonly factor: (s: number, W: number, N: number, learningRate: number) => number
}

/** The rate at which `polynomial` ends. */
const lastRate = 1e-7

const constant = () => 1

export const schedules = registry<Schedule>('schedule', [
  {
    name: 'linear',
    summary: 'warm-up, then down to 0 in a straight line',
    warmsUp: true,
    factor: (s, W, N) => Math.max(0, (N - s) / Math.max(1, N - W)),
  },
  { name: 'constant', summary: 'always the same rate, without warm-up', warmsUp: false, factor: constant },
  {
    name: 'constant_with_warmup',
    summary: 'warm-up, then always the same rate',
    warmsUp: true,
    factor: constant,
  },
  {
    name: 'cosine',
    summary: 'warm-up, then down to 0 along half a cosine (beyond the last step it rises again)',
    warmsUp: true,
    factor: (s, W, N) => Math.max(0, 0.5 * (1 + Math.cos((Math.PI * (s - W)) / Math.max(1, N - W)))),
  },
  {
    name: 'polynomial',
    summary: `warm-up, then down to ${lastRate} in a straight line`,
    warmsUp: true,
    factor: (s, W, N, learningRate) => {
      const left = s < N ? 1 - (s - W) / (N - W) : 0
      return ((learningRate - lastRate) * left + lastRate) / learningRate
    },
  },
])

/**
 * The learning rate of one optimizer step.
 *
 * @param step from 0; steps beyond `totalSteps` have rates too
 * @throws {UserError} a rate that is not a number or below 0, or steps that are not whole numbers from 0
 */
export function learningRateAt(step: number, schedule: Schedule, settings: ScheduleSettings): number {
  check(settings)
  const { learningRate, warmupSteps: W, totalSteps: N } = settings
  if (learningRate === 0) return 0
  if (schedule.warmsUp && step < W) return learningRate * (step / Math.max(1, W))
  return learningRate * schedule.factor(step, W, N, learningRate)
}

function check({ learningRate, warmupSteps, totalSteps }: ScheduleSettings): void {
  if (!(learningRate >= 0 && learningRate < Number.POSITIVE_INFINITY))
    throw new UserError(`learning rate ${learningRate}: give a number from 0, such as 3e-3`)
  for (const [name, count] of Object.entries({ warmupSteps, totalSteps })) {
    if (!(Number.isInteger(count) && count >= 0))
      throw new UserError(`${name} ${count}: give a whole number from 0`)
  }
}

/** As a run's settings say. */
export function learningRateOf(config: TrainConfig, step: number, totalSteps: number): number {
  const { learningRate, warmupRatio, schedule } = config
  const warmupSteps = config.warmupSteps ?? Math.floor(totalSteps * warmupRatio)
  return learningRateAt(step, schedules.get(schedule), { learningRate, warmupSteps, totalSteps })
}
