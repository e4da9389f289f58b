/** Saving beside training: what is saved is one moment, whatever changes meanwhile, and no save overtakes another. */
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import { type Disk, disk } from '../../src/files/index.js'
import { checkpointName, loadCheckpoint } from '../../src/training/checkpoint.js'
import type { TrainEvent } from '../../src/training/events.js'
import { type SavedState, Saver, type SaverOptions } from '../../src/training/saver.js'
import { Snapshot } from '../../src/training/snapshot.js'
import { contentOf, emptyRun } from '../support/checkpoints.js'
import { failingDisk } from '../support/failingDisk.js'
import { temporaryFolder } from '../support/weights.js'

/** Larger than a few pieces. */
const count = 300_000

const stateOf = (step: number): SavedState => ({ step, evaluated: 0, best: null, seconds: 0 })

function setUp(over: Partial<SaverOptions> = {}) {
  const run = emptyRun(join(temporaryFolder(), 'run'))
  const live = contentOf(0, count)
  const tensors = [...live.weights.tensors, ...live.optimizer].map(({ data }) => data as Float32Array)
  const events: TrainEvent[] = []
  const saver = new Saver(run, {
    ...{ keep: 2, report: (event) => events.push(event), onSaved: () => {} },
    contentOf: async (state) => ({ ...live, state: { ...state, counts: {} } }),
    ...over,
  })
  const train = (value: number) => {
    saver.detach()
    for (const tensor of tensors) tensor.fill(value)
  }
  return { run, saver, events, train }
}

/** Operations wait at the `at`-th write until they may go on. */
function waitingDisk(at: number) {
  let [writes, reached, goOn] = [0, () => {}, () => {}]
  const waits = new Promise<void>((resolve) => {
    reached = resolve
  })
  const may = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const waiting: Disk = {
    ...disk,
    async write(file, bytes) {
      if (++writes === at) {
        reached()
        await may
      }
      return await disk.write(file, bytes)
    },
  }
  return { disk: waiting, waits, goOn: () => goOn() }
}

/** All values that a checkpoint has. */
function valuesOf(path: string): Set<number> {
  const { weights, optimizer } = loadCheckpoint(path)
  return new Set([...weights.readFloat32('gate'), ...optimizer.readFloat32('exp_avg.gate')])
}

test.each([1, 2, 4, 6, 9, 12])('steps that are taken from write %d on do not show', async (at) => {
  const slow = waitingDisk(at)
  const { run, saver, train } = setUp({ disk: slow.disk })
  for (const step of [1, 2]) {
    train(step)
    await saver.save(step, () => stateOf(step))
    if (step === 1) await slow.waits
    train(step + 0.5)
    slow.goOn()
    await saver.settled()
    expect(valuesOf(join(run.checkpoints, checkpointName(step)))).toEqual(new Set([step]))
  }
})

test('what has been written needs no copy; memory of copies is used again', () => {
  const tensors = contentOf(1, count).optimizer
  const copies: Uint8Array[] = []
  const readAll = (tensor: (typeof tensors)[number]) => [...(tensor.data as () => Iterable<unknown>)()]
  const read = new Snapshot(copies)
  for (const tensor of tensors) readAll(read.of(tensor))
  read.detach()
  expect(copies).toEqual([])
  const detached = (): Uint8Array | undefined => {
    const snapshot = new Snapshot(copies)
    for (const tensor of tensors) snapshot.of(tensor)
    snapshot.detach()
    return copies[0]
  }
  expect(detached()).toHaveLength(8 * count)
  expect(detached()).toBe(detached())
})

test('a save waits for the one before; links and events come when a checkpoint is whole', async () => {
  const slow = waitingDisk(2)
  const { run, saver, events, train } = setUp({ disk: slow.disk })
  await saver.save(1, () => ({ ...stateOf(1), best: { score: 1, step: 1 } }))
  await saver.save(1, () => stateOf(1)) // is being saved already
  await slow.waits
  expect({ events, files: readdirSync(run.path) }).toEqual({ events: [], files: ['checkpoints'] })
  train(2)
  let begun = false
  const second = saver.save(2, () => {
    begun = true
    expect(readlinkSync(join(run.path, 'last'))).toBe('checkpoints/step-000001')
    return { ...stateOf(2), best: { score: 1, step: 1 } }
  })
  await new Promise((resolve) => setImmediate(resolve))
  expect(begun).toBe(false)
  slow.goOn()
  await second
  await saver.settled()
  expect(events.map((event) => event.kind === 'checkpoint' && event.step)).toEqual([1, 2])
  expect(readlinkSync(join(run.path, 'best'))).toBe('checkpoints/step-000001')
  expect(readlinkSync(join(run.path, 'last'))).toBe('checkpoints/step-000002')
})

test('what the disk does not take is one line, and is saved the next time; at the end it is an error', async () => {
  const { run, saver, events, train } = setUp({ disk: failingDisk(3, 'once').disk })
  await saver.save(1, () => stateOf(1))
  expect(await saver.settled()).toBeInstanceOf(UserError)
  expect(events).toEqual([
    {
      kind: 'note',
      text: expect.stringMatching(
        /\/step-000001: cannot be written \(the drive reports an error\): [^\n]*; training goes on, and the next checkpoint is tried as usual$/,
      ),
    },
  ])
  expect(readdirSync(run.checkpoints)).toEqual([])
  train(1)
  await saver.save(1, () => stateOf(1))
  expect(await saver.settled()).toBeUndefined()
  expect(existsSync(join(run.path, 'last', 'state.json'))).toBe(true)

  const broken = setUp({ disk: failingDisk(3, 'from then on').disk })
  await expect(broken.saver.saveNow(1, () => stateOf(1))).rejects.toThrow(UserError)
  expect(broken.events).toEqual([])
})

test('a fault that is none of the disk’s ends the run', async () => {
  const { saver } = setUp({
    onSaved: () => {
      throw new TypeError('a bug')
    },
  })
  await saver.save(1, () => stateOf(1))
  await expect(saver.settled()).rejects.toThrow('a bug')
  await saver.idle()
})
