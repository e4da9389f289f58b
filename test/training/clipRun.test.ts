/** A run that looks at pictures through a CLIP. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, expect, test } from 'vitest'
import type { TrainEvent } from '../../src/training/events.js'
import { evaluate, predict } from '../../src/training/index.js'
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

const all = ['train: 8/8', 'validation: 2/2', 'test: 2/2'].map(
  (split) => `looking at the pictures of ${split}`,
)

const weightsOf = (run: string) => digest(readFileSync(join(run, 'last', 'adapter_model.safetensors')))

test('looks at each picture once, and trains to the same bits when they are known', async () => {
  const [one, two] = [join(folder, 'one'), join(folder, 'two')]
  const first = await runTraining(world, { vision }, { run: one })
  expect(looked(first.events)).toEqual(all)
  const again = await runTraining(world, { vision }, { run: two })
  expect(looked(again.events)).toEqual([])
  expect(weightsOf(two)).toBe(weightsOf(one))
  expect(
    readdirSync(join(world.cache, 'pictures')).filter((name) => name.endsWith('.features')),
  ).toHaveLength(3)
})

test('is scored again without looking', async () => {
  const events: TrainEvent[] = []
  const { scores } = await evaluate(join(folder, 'one'), {
    ...{ split: 'test', cache: world.cache, onNote: () => {} },
    report: (event) => events.push(event),
  })
  expect(scores.test![0]!.count).toBe(8)
  expect(looked(events)).toEqual([])
})

test('answers about a picture of any size', async () => {
  const file = join(folder, 'kitchen.png')
  await sharp({ create: { width: 30, height: 11, channels: 3, background: 'red' } })
    .png()
    .toFile(file)
  const asked = predict(join(folder, 'one'), {
    asked: { images: [file, file], question: 'is this red ?', texts: [] },
    ...{ cache: world.cache, onNote: () => {} },
  })
  const answers: unknown[] = []
  for await (const answer of asked) answers.push(answer)
  expect(answers).toEqual([answers[0], answers[0]])
  expect(answers[0]).toMatchObject({ image: file, answer: expect.any(String) })
})

test('--image-fit is part of what is known', async () => {
  const { events } = await runTraining(world, { vision, imageFit: 'crop' }, { run: join(folder, 'crop') })
  expect(looked(events)).toEqual(all)
})

test('ends when it is told to while it looks at pictures, and leaves nothing behind', async () => {
  const run = join(folder, 'stopped')
  const other = await writeWorld(join(folder, 'other'))
  const stopped = runTraining(other, { vision }, { run, stopAt: ({ kind }) => kind === 'preparing' })
  await expect(stopped).rejects.toThrow(/abort/)
  expect(readdirSync(folder)).not.toContain('stopped')
})
