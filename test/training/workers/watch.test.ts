import { expect, test } from 'vitest'
import type { TrainEvent } from '../../../src/training/events.js'
import { follow, LostWorker, Watch, watchingSteps } from '../../../src/training/workers/watch.js'

/** A watch whose time passes as it is told, with a look every half second. */
function watched(size = 2) {
  let now = 0
  const watch = new Watch(size, () => now)
  const pass = (seconds: number, beating: readonly number[] = [0, 1]) => {
    for (const end = now + 1000 * seconds; now < end; ) {
      now += 500
      for (const rank of beating) watch.beat(rank)
      const hanging = watch.look()
      if (hanging) return hanging
    }
    return undefined
  }
  const steps = (count: number, seconds: number) => {
    for (let step = 0; step < count; step++) {
      expect(pass(seconds)).toBeUndefined()
      watch.step()
    }
  }
  return { watch, pass, steps, sleep: (seconds: number) => (now += 1000 * seconds) }
}

test('a worker that beats is well, however long nothing else happens', () => {
  expect(watched().pass(10_000)).toBeUndefined()
})

test('a worker whose heart stops for five seconds hangs', () => {
  const { pass } = watched()
  expect(pass(20)).toBeUndefined()
  expect(pass(5, [0])).toBeUndefined()
  expect(pass(1, [0])).toEqual({ rank: 1, how: 'hung: no sign of life for 5.5 s' })
})

test('a worker may take a minute to start', () => {
  const { pass } = watched()
  expect(pass(60, [1])).toBeUndefined()
  expect(pass(1, [1])).toMatchObject({ rank: 0 })
})

test('a step hangs that takes over a minute and twenty times what is usual', () => {
  const { pass, steps, watch } = watched()
  watch.go()
  steps(9, 2)
  expect(pass(60)).toBeUndefined()
  expect(pass(1)).toEqual({ how: 'hung: a step takes 61 s, where 2.0 s is usual' })
  watch.step() // one that took so long is not usual
  steps(2, 2)
  expect(pass(61)).toMatchObject({ how: expect.stringContaining('2.0 s is usual') })
})

test('slow steps have twenty times their own time', () => {
  const { pass, steps, watch } = watched()
  watch.go()
  steps(3, 10)
  expect(pass(200)).toBeUndefined()
  expect(pass(1)).toBeDefined()
})

test('an evaluation may take any time', () => {
  const { pass, steps, watch } = watched()
  watch.go()
  steps(3, 1)
  watch.pause()
  expect(pass(1000)).toBeUndefined()
  watch.go()
  expect(pass(61)).toBeDefined()
})

test('nobody hung while the parent itself was stopped', () => {
  const { pass, steps, watch, sleep } = watched()
  watch.go()
  steps(3, 1)
  sleep(3600)
  expect(pass(1, [])).toBeUndefined()
  expect(pass(30)).toBeUndefined()
})

const step = (number: number, secondsLeft: number): TrainEvent => ({
  ...{ kind: 'step', step: number, epoch: 0, loss: 1, learningRate: 1, gradientNorm: 1, samplesPerSecond: 1 },
  ...{ secondsLeft, peakBytes: 1 },
})

test('after the last step there is none to wait for', () => {
  const { pass, watch } = watched()
  for (const left of [2, 1, 0]) {
    expect(pass(1)).toBeUndefined()
    follow(watch, step(3 - left, left))
  }
  expect(pass(1000)).toBeUndefined()
})

test('a worker without parent ends when a step hangs, be it another’s', async () => {
  let now = 0
  const watch = new Watch(0, () => now)
  const running = watchingSteps(async (told) => {
    told({ kind: 'start', folder: 'runs/one' } as TrainEvent)
    for (let i = 1; i < 4; i++) {
      told(step(i, 9))
      now += 1000
      watch.look()
    }
    for (let passed = 0; passed < 60; passed++) {
      now += 1000
      watch.look()
    }
    now += 1000
    await new Promise(() => {})
  }, watch)
  await expect(running).rejects.toThrow(LostWorker)
  await expect(running).rejects.toThrow(
    /^a worker hung: a step takes 6\d s, where 1\.0 s is usual: go on with --resume runs\/one$/,
  )
})

test('a run that ends is not watched any more', async () => {
  expect(await watchingSteps(async () => 'done')).toBe('done')
})
