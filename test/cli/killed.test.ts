/**
 * Runs of two workers that are killed at a random moment, and gone on with: nothing is lost. `npm run test:faults --
 * --points 100 --seed 7` kills more of them; a seed gives the same moments again, as far as clocks can.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { Random } from '../../src/base/index.js'
import { allGone, childrenOf } from '../support/processes.js'
import { type World, writeWorld } from '../support/runs.js'
import { run, type Started, start, temporaryFolder } from './program.js'
import { expectResumed, expectWhole, settings, steps, stepsOf, two, until } from './workerRuns.js'

const points = Number(process.env.VL_LST_FAULT_POINTS ?? 5)
const seed = Number(process.env.VL_LST_FAULT_SEED ?? Date.now() % 1e6)

const folder = temporaryFolder()
let world: World

const checkpoints = (output: string) => {
  const path = join(folder, output, 'checkpoints')
  return existsSync(path) ? readdirSync(path) : []
}

/** Whom to kill, and what its run's folder shows then. */
const victims = {
  'worker 0': { pid: (_, [first]) => first!, shows: (output, step) => hasDone(output, step) },
  'worker 1': { pid: (_, [, second]) => second!, shows: (output, step) => hasDone(output, step) },
  'the parent': { pid: (parent) => parent, shows: (output, step) => hasDone(output, step) },
  'who writes a checkpoint': {
    pid: (_, [first]) => first!,
    shows: (output, step) =>
      hasDone(output, step) && checkpoints(output).some((name) => !/^step-\d+$/.test(name)),
  },
} as const satisfies Record<
  string,
  {
    pid(parent: number, workers: readonly number[]): number
    shows(output: string, step: number): boolean
  }
>

const hasDone = (output: string, step: number) => (stepsOf(join(folder, output)).at(-1) ?? 0) >= step

/** A moment is so many milliseconds after a step, or after the next checkpoint has begun to be written. */
const moments = Array.from({ length: points }, (_, point) => {
  const random = new Random(seed, point)
  const names = Object.keys(victims) as (keyof typeof victims)[]
  const victim = names[(seed + point) % names.length]!
  const isWriting = victim === 'who writes a checkpoint'
  const step = 1 + random.integer(steps - 5)
  return { point: point + 1, victim, step, delayMs: random.integer(isWriting ? 10 : 30) }
})

beforeAll(async () => {
  world = await writeWorld(join(folder, 'world'))
  const { code, err } = await run(settings(world, ...two, '--output', 'whole', '--json'), folder)
  expect({ code, err }).toEqual({ code: 0, err: '' })
})

async function kill(started: Started, output: string, { victim, step, delayMs }: (typeof moments)[number]) {
  const { pid, shows } = victims[victim]
  const parent = started.child.pid!
  await until(() => childrenOf(parent).length === 2, started)
  const workers = childrenOf(parent)
  await until(() => shows(output, step), started)
  await setTimeout(delayMs)
  process.kill(pid(parent, workers), 'SIGKILL')
  const { code } = await started.ended
  expect(code).toBe(victim === 'the parent' ? null : 1)
  await allGone(workers)
}

describe.skipIf(process.platform !== 'linux')(`killed at points of seed ${seed}`, () => {
  test.each(moments)('$point: $victim, $delayMs ms after step $step', async (moment) => {
    const output = `point-${moment.point}`
    await kill(start(settings(world, ...two, '--output', output), folder), output, moment)
    if (checkpoints(output).some((name) => /^step-\d+$/.test(name))) {
      await expectResumed(folder, output, 'whole')
      return
    }
    // Nothing was saved yet: the run is started again.
    const again = await run(settings(world, ...two, '--output', `${output}-again`, '--quiet'), folder)
    expect(again.code, again.err).toBe(0)
    expectWhole(join(folder, `${output}-again`), join(folder, 'whole'))
  })
})
