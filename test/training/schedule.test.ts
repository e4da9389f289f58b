import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import { learningRateAt, schedules } from '../../src/training/schedule.js'
import { openSafetensors } from '../../src/weights/index.js'
import { shared } from '../support/weights.js'

interface RecordedSchedule {
  readonly schedule: string
  readonly learning_rate: number
  readonly warmup_steps: number
  readonly total_steps: number
  readonly steps: number
}

const folder = ['parity', 'glue', 'optimize-schedules'] as const
const recorded: { schedules: RecordedSchedule[]; tolerance: { default: { rtol: number; atol: number } } } =
  JSON.parse(readFileSync(shared(...folder, 'case.json'), 'utf8'))
const wanted = openSafetensors(shared(...folder, 'tensors.safetensors'))

describe('glue/optimize-schedules', () => {
  test.each(recorded.schedules.map((settings, i) => [i, settings] as const))('%i: %j', (i, settings) => {
    const want = wanted.readFloat32(`want/lr.${i}`)
    const { rtol, atol } = recorded.tolerance.default
    const allowed = atol + rtol * Math.max(...want)
    expect(want.length).toBe(settings.steps)
    for (const [step, rate] of want.entries())
      expect(Math.abs(rateAt(step, settings) - rate)).toBeLessThanOrEqual(allowed)
  })
})

function rateAt(step: number, settings: RecordedSchedule): number {
  return learningRateAt(step, schedules.get(settings.schedule), {
    learningRate: settings.learning_rate,
    warmupSteps: settings.warmup_steps,
    totalSteps: settings.total_steps,
  })
}

describe.each(schedules.entries)('$name', (schedule) => {
  test.each([
    { warmupSteps: 0, totalSteps: 0 },
    { warmupSteps: 3, totalSteps: 3 },
    { warmupSteps: 5, totalSteps: 2 },
  ])('has a rate at every step, even where nothing is left to fall: %j', (steps) => {
    for (let step = 0; step < 9; step++) {
      const rate = learningRateAt(step, schedule, { learningRate: 0.1, ...steps })
      expect(rate).toBeGreaterThanOrEqual(0)
      expect(rate).toBeLessThanOrEqual(0.1)
    }
  })

  test('the first step of a warm-up changes nothing', () => {
    const first = learningRateAt(0, schedule, { learningRate: 0.1, warmupSteps: 2, totalSteps: 9 })
    expect(first).toBe(schedule.warmsUp ? 0 : 0.1)
  })
})

test('a rate of 0 stays 0', () => {
  for (const schedule of schedules.entries)
    expect(learningRateAt(4, schedule, { learningRate: 0, warmupSteps: 2, totalSteps: 9 })).toBe(0)
})

test.each([
  [{ learningRate: Number.NaN }, /learning rate NaN/],
  [{ learningRate: -1 }, /learning rate -1/],
  [{ warmupSteps: 1.5 }, /warmupSteps 1.5/],
  [{ totalSteps: -1 }, /totalSteps -1/],
])('%j is refused', (wrong, message) => {
  const settings = { learningRate: 0.1, warmupSteps: 2, totalSteps: 9, ...wrong }
  expect(() => learningRateAt(0, schedules.get('linear'), settings)).toThrow(UserError)
  expect(() => learningRateAt(0, schedules.get('linear'), settings)).toThrow(message)
})
