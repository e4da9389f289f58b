/** A run that looks at pictures through a CLIP. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import type { TrainEvent } from '../../src/training/events.js'
import { writeTinyClip } from '../support/clip.js'
import { runTraining, type World, writeWorld } from '../support/runs.js'
import { digest, folderOfFile } from '../support/weights.js'

const folder = folderOfFile()
let world: World
let vision: string
beforeAll(async () => {
  world = await writeWorld(join(folder, 'world'))
  vision = join(folder, 'clip')
  mkdirSync(vision)
  writeTinyClip(vision)
})

const looked = (events: readonly TrainEvent[]) =>
  events.flatMap((event) =>
    event.kind === 'preparing' ? [`${event.what}: ${event.done}/${event.total}`] : [],
  )

const weightsOf = (run: string) => digest(readFileSync(join(run, 'last', 'adapter_model.safetensors')))

test('looks at each picture once, and trains to the same bits when they are known', async () => {
  const [one, two] = [join(folder, 'one'), join(folder, 'two')]
  const first = await runTraining(world, { vision }, { run: one })
  expect(looked(first.events)).toEqual(['looking at pictures: 12/12'])
  const again = await runTraining(world, { vision }, { run: two })
  expect(looked(again.events)).toEqual([])
  expect(weightsOf(two)).toBe(weightsOf(one))
  expect(
    readdirSync(join(world.cache, 'pictures')).filter((name) => name.endsWith('.features')),
  ).toHaveLength(1)
})

test('--image-fit is part of what is known', async () => {
  const { events } = await runTraining(world, { vision, imageFit: 'crop' }, { run: join(folder, 'crop') })
  expect(looked(events)).toEqual(['looking at pictures: 12/12'])
})

test('ends when it is told to while it looks at pictures, and leaves nothing behind', async () => {
  const run = join(folder, 'stopped')
  const other = await writeWorld(join(folder, 'other'))
  const stopped = runTraining(other, { vision }, { run, stopAt: ({ kind }) => kind === 'preparing' })
  await expect(stopped).rejects.toThrow(/abort/)
  expect(readdirSync(folder)).not.toContain('stopped')
})
