import { expect, test } from 'vitest'
import { Watch } from '../../../src/training/workers/watch.js'

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
