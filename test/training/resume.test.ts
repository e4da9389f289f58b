/** A run that was cut and gone on with: the same bits as without, on a full disk too; and what it refuses to go on as. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import type { TrainEvent } from '../../src/training/events.js'
import {
  checkpointsOf,
  digestsOf,
  five,
  metricsOf,
  notes,
  type RunOptions,
  runTraining,
  type World,
  writeRunnableT5,
  writeWorld,
} from '../support/runs.js'
import { smallDisk } from '../support/smallDisk.js'
import { folderOfFile } from '../support/weights.js'

const folder = folderOfFile()
let world: World
let runs = 0

/** A run's folder that nobody has used. */
const newRun = (): string => join(folder, 'runs', String(++runs))

const at = (kind: 'step' | 'checkpoint', step: number) => (event: TrainEvent) =>
  event.kind === kind && event.step === step

/** A run without interruption. */
let whole: string

beforeAll(async () => {
  world = await writeWorld(join(folder, 'world'))
  whole = newRun()
  await runTraining(world, five, { run: whole })
})

describe('the same bits', () => {
  /** As the run without interruption: weights, moments, and what was measured on the way. */
  function expectSame(run: string): void {
    expect(metricsOf(run)).toEqual(metricsOf(whole))
    expect(digestsOf(run)).toEqual(digestsOf(whole))
    for (const file of ['predictions/validation.json', 'predictions/test.json'])
      expect(readFileSync(join(run, file), 'utf8')).toBe(readFileSync(join(whole, file), 'utf8'))
    for (const link of ['best', 'last'])
      expect(readlinkSync(join(run, link))).toBe(readlinkSync(join(whole, link)))
  }

  test('in a second run, with dropout and two threads', async () => {
    const run = newRun()
    await runTraining(world, five, { run })
    expectSame(run)
  })

  test('interrupted after step 2 and gone on with', async () => {
    const run = newRun()
    const { result } = await runTraining(world, five, { run, stopAt: at('step', 2) })
    expect(result).toMatchObject({ outcome: 'interrupted', step: 2 })
    expect(checkpointsOf(run)).toEqual(['step-000001', 'step-000002'])
    expect(existsSync(join(run, 'report.md'))).toBe(false)
    const { result: ended, events } = await resumed(run)
    expect(ended).toMatchObject({ outcome: 'finished', step: 5 })
    expect(events[0]).toMatchObject({ kind: 'start', step: 2, totalSteps: 5 })
    expectSame(run)
  })

  test.each([
    ['validation split after step 4', 4, at('step', 4)],
    ['test split', 5, at('checkpoint', 5)],
  ] as const)('interrupted before it answers the %s', async (_, step, stopAt) => {
    const run = newRun()
    const { result } = await runTraining(world, five, { run, stopAt })
    expect(result).toMatchObject({ outcome: 'interrupted', step })
    await resumed(run)
    expectSame(run)
  })

  test('killed after step 3, with its last checkpoint damaged and a line half written', async () => {
    const run = newRun()
    await runTraining(world, five, { run, stopAt: at('step', 3) })
    const weights = join(run, 'checkpoints/step-000003/adapter_model.safetensors')
    const bytes = readFileSync(weights)
    bytes[bytes.length - 100]! ^= 4
    writeFileSync(weights, bytes)
    writeFileSync(
      join(run, 'metrics.jsonl'),
      `${readFileSync(join(run, 'metrics.jsonl'), 'utf8')}{"step":4,"ep`,
    )
    symlinkSync('checkpoints/step-000003', join(run, 'best'))
    const linksAtStart: string[] = []
    const { events } = await resumed(run, {
      onEvent({ kind }) {
        if (kind === 'start')
          for (const name of ['best', 'last'].filter((name) => readdirSync(run).includes(name)))
            linksAtStart.push(`${name} -> ${readlinkSync(join(run, name))}`)
      },
    })
    expect(linksAtStart).toEqual(['last -> checkpoints/step-000002'])
    expect(notes(events)).toEqual([
      `${weights} is damaged: its hash is not the one in state.json; the checkpoint before it is taken`,
    ])
    expect(events.find(({ kind }) => kind === 'start')).toMatchObject({ step: 2 })
    expectSame(run)
  })

  const full = /\/step-000003: cannot be written \(the disk is full\): [^\n]*; training goes on, [^\n]*$/

  test('with its disk full at a checkpoint and room again later', async (context) => {
    const disk = smallDisk(1200, context)
    const run = join(disk.path, 'run')
    let release = () => {}
    const { events } = await runTraining(world, five, {
      run,
      onEvent(event) {
        if (event.kind === 'checkpoint' && event.step === 2) release = disk.fill(4096)
        if (event.kind === 'note' && full.test(event.text)) release()
      },
    })
    expect(notes(events).filter((text) => !text.startsWith('"?"'))).toEqual([expect.stringMatching(full)])
    expect(checkpointsOf(run)).toEqual([1, 2, 4, 5].map((step) => `step-00000${step}`))
    expectSame(run)
  })

  test('with its disk full to the end, once it is gone on with', async (context) => {
    const disk = smallDisk(1200, context)
    const run = join(disk.path, 'run')
    let release = () => {}
    const failing = runTraining(world, five, {
      run,
      onEvent(event) {
        if (event.kind === 'checkpoint' && event.step === 2) release = disk.fill(4096)
      },
    })
    await expect(failing).rejects.toThrow(UserError)
    await expect(failing).rejects.toThrow(
      /^[^\n]+step-000005: cannot be written \(the disk is full\): [^\n]+$/,
    )
    expect(checkpointsOf(run)).toEqual(['step-000001', 'step-000002'])
    release()
    const { events } = await resumed(run)
    expect(notes(events)).toEqual([])
    expectSame(run)
  })

  test('gone on with after a kill between two checkpoints, whose leavings are cleared away', async () => {
    const run = newRun()
    await runTraining(world, five, { run, stopAt: at('step', 3) })
    const checkpoints = join(run, 'checkpoints')
    renameSync(join(checkpoints, 'step-000003'), join(checkpoints, 'step-000003.old'))
    mkdirSync(join(checkpoints, 'step-000003.tmp'))
    writeFileSync(join(checkpoints, 'step-000003.tmp', 'state.json'), '{')
    const { events } = await resumed(run)
    expect(events[0]).toMatchObject({ kind: 'start', step: 3 })
    expect(checkpointsOf(run)).toEqual([1, 2, 3, 4, 5].map((step) => `step-00000${step}`))
    expectSame(run)
  })

  const resumed = (run: string, more: Partial<RunOptions> = {}) =>
    runTraining(world, {}, { run, resume: true, ...more })
})

describe('a run that goes on', () => {
  test.each([
    [
      { task: 'cola' },
      /^--task cola: the run in .* is of task vqa: leave the option out to go on with it, or/,
    ],
    [
      { method: 'lora' },
      /^--method lora: the run in .* is of method lst: leave the option out to go on with it, or/,
    ],
  ])('does not go on as another: %j', async (over, message) => {
    const again = async () => await runTraining(world, over, { run: whole, resume: true })
    await expect(again()).rejects.toThrow(UserError)
    await expect(again()).rejects.toThrow(message)
  })

  test.each(['lst', 'full'])('does not go on beside another backbone: %s', async (method) => {
    const run = newRun()
    const methodOptions = method === 'full' ? { encoderTrainableLayers: [] } : {}
    await runTraining(world, { method, methodOptions, maxSteps: 2 }, { run, stopAt: at('step', 1) })
    const backbone = writeRunnableT5(newRun(), { num_layers: 1, num_decoder_layers: 1 }, (name, values) => {
      if (name.startsWith('encoder.block.0')) values[0] = 0.5
    })
    const again = async () => await runTraining(world, { backbone }, { run, resume: true })
    await expect(again()).rejects.toThrow(UserError)
    await expect(again()).rejects.toThrow(/: was trained on another backbone \([^\n]*\) than [^\n]*$/)
    expect((await runTraining(world, {}, { run, resume: true })).result.outcome).toBe('finished')
  })

  test('nor while another run holds its folder; the holder is not disturbed', async () => {
    const run = newRun()
    const refused: Promise<unknown>[] = []
    await runTraining(
      world,
      { ...five, maxSteps: 2 },
      {
        run,
        onEvent(event) {
          if (event.kind === 'step')
            refused.push(runTraining(world, {}, { run, resume: true }).catch((error: unknown) => error))
        },
      },
    )
    expect(refused).toHaveLength(2)
    for (const error of await Promise.all(refused)) {
      expect(error).toBeInstanceOf(UserError)
      expect(String(error)).toMatch(
        / is held by another run \(process \d+ on .*\): wait for its end, or interrupt it$/,
      )
    }
    expect(readdirSync(run)).not.toContain('lock')
  })
})
