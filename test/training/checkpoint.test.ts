/** Checkpoints are whole or not there; a damaged one is noticed, said, and passed over. */
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import { checkpointName, loadCheckpoint, loadLastCheckpoint } from '../../src/training/checkpoint.js'
import { pruneCheckpoints, saveCheckpoint } from '../../src/training/saveCheckpoint.js'
import { contentOf } from '../support/checkpoints.js'
import { smallDisk } from '../support/smallDisk.js'
import { temporaryFolder } from '../support/weights.js'

const files = ['adapter_config.json', 'adapter_model.safetensors', 'optimizer.safetensors', 'state.json']

test('a checkpoint is its four files, and loads as it was saved', async () => {
  const folder = temporaryFolder()
  const path = await saveCheckpoint(folder, contentOf(400))
  expect(path).toBe(join(folder, 'step-000400'))
  expect(readdirSync(folder)).toEqual(['step-000400'])
  expect(readdirSync(path).sort()).toEqual(files)
  const { state, weights, optimizer } = loadCheckpoint(path)
  expect(state).toEqual(contentOf(400).state)
  expect([...weights.readFloat32('gate')]).toEqual(new Array(100).fill(400))
  expect([...optimizer.readFloat32('exp_avg.gate')]).toEqual(new Array(200).fill(400))
})

test('a step that is saved again replaces what was there', async () => {
  const folder = temporaryFolder()
  await saveCheckpoint(folder, contentOf(3))
  const path = await saveCheckpoint(folder, contentOf(3, 10))
  expect(loadCheckpoint(path).weights.readFloat32('gate')).toHaveLength(10)
})

describe('a damaged last checkpoint', () => {
  let folder: string
  let last: string

  beforeEach(async () => {
    folder = temporaryFolder()
    await saveCheckpoint(folder, contentOf(9))
    last = await saveCheckpoint(folder, contentOf(10))
  })

  const flip = (file: string) => {
    const bytes = readFileSync(file)
    bytes[bytes.length - 1]! ^= 1
    writeFileSync(file, bytes)
  }
  const damages: Readonly<Record<string, (file: string) => void>> = {
    'cut off': (file) => truncateSync(file, readFileSync(file).length >> 1),
    empty: (file) => truncateSync(file, 0),
    'one bit flipped': flip,
    'longer than it was': (file) => appendFileSync(file, ' '),
    missing: (file) => rmSync(file),
  }
  const cases = files.flatMap((file) => Object.keys(damages).map((damage) => ({ file, damage })))

  test.each(cases.filter(({ file, damage }) => file !== 'state.json' || damage !== 'longer than it was'))(
    '$file $damage: the one before is taken, and it is said',
    ({ file, damage }) => {
      damages[damage]!(join(last, file))
      const said: string[] = []
      const { state, path } = loadLastCheckpoint(folder, (text) => said.push(text))
      expect(state.step).toBe(9)
      expect(path).toBe(join(folder, 'step-000009'))
      expect(said).toHaveLength(1)
      expect(said[0]).toMatch(
        new RegExp(`^${join(last, file)} is .*damaged.*; the checkpoint before it is taken$`),
      )
    },
  )

  test('any bit that is flipped and any end that is cut off is noticed, or changes nothing', () => {
    const whole = new Map(files.map((name) => [name, readFileSync(join(last, name))]))
    const property = fc.property(
      ...[fc.constantFrom(...files), fc.boolean(), fc.nat(), fc.integer({ min: 0, max: 7 })],
      (name, cut, place, bit) => {
        const bytes = whole.get(name)!
        const at = place % bytes.length
        const damaged = Buffer.from(cut ? bytes.subarray(0, at) : bytes)
        if (!cut) damaged[at]! ^= 1 << bit
        writeFileSync(join(last, name), damaged)
        const said: string[] = []
        const { state } = loadLastCheckpoint(folder, (text) => said.push(text))
        writeFileSync(join(last, name), bytes)
        expect(state).toEqual(contentOf(said.length > 0 ? 9 : 10).state)
        if (name !== 'state.json') expect(said).toHaveLength(1)
      },
    )
    fc.assert(property, { numRuns: 200 })
  })

  test('without one before it is an error of one line', () => {
    flip(join(last, 'state.json'))
    rmSync(join(folder, 'step-000009'), { recursive: true })
    const load = () => loadLastCheckpoint(folder, () => {})
    expect(load).toThrow(UserError)
    expect(load).toThrow(
      `${folder} holds no checkpoint to go on from: start the run again with another --output`,
    )
  })

  test('what a killed run left half written is not taken for a checkpoint', async () => {
    mkdirSync(join(folder, 'step-000011.tmp'))
    writeFileSync(join(folder, 'step-000011.tmp', 'adapter_model.safetensors'), 'half')
    expect(loadLastCheckpoint(folder, () => {}).state.step).toBe(10)
    expect(readdirSync(await saveCheckpoint(folder, contentOf(11))).sort()).toEqual(files)
    expect(readdirSync(folder)).toEqual([9, 10, 11].map(checkpointName))
  })
})

test('steps are ordered as numbers', async () => {
  const folder = temporaryFolder()
  for (const step of [999_999, 1_000_000]) await saveCheckpoint(folder, contentOf(step))
  expect(loadLastCheckpoint(folder, () => {}).state.step).toBe(1_000_000)
})

test('pruning keeps the newest and the best', async () => {
  const folder = temporaryFolder()
  for (let step = 1; step <= 6; step++) await saveCheckpoint(folder, contentOf(step))
  await pruneCheckpoints(folder, { keep: 2, step: 6, best: 3 })
  expect(readdirSync(folder)).toEqual([3, 5, 6].map(checkpointName))
  // A run that went on from step 3 since 5 and 6 were damaged: they are neither newest nor in the way of what is.
  await saveCheckpoint(folder, contentOf(4))
  await pruneCheckpoints(folder, { keep: 1, step: 4, best: 3 })
  expect(readdirSync(folder)).toEqual([3, 4].map(checkpointName))
})

// What is left when step 2 is saved; its files need 1, 41 and 81 KiB and two smaller ones.
test.for([0, 4, 20, 40, 60, 120])(
  'a disk with %d KiB left is full: one line, and the checkpoint before is intact',
  async (left, context) => {
    const kib = 1024
    const disk = smallDisk(512, context)
    const folder = join(disk.path, 'checkpoints')
    const before = await saveCheckpoint(folder, contentOf(1))
    const hashes = readFileSync(join(before, 'state.json'), 'utf8')
    const release = disk.fill(left * kib)
    const failure: unknown = await saveCheckpoint(folder, contentOf(2, 10 * kib)).catch((error) => error)
    expect(failure).toBeInstanceOf(UserError)
    expect(String(failure)).toMatch(
      /\/step-000002: cannot be written \(the disk is full\): make room or [^\n]*$/,
    )
    expect(readdirSync(folder)).toEqual(['step-000001'])
    expect(loadLastCheckpoint(folder, () => {}).state).toEqual(contentOf(1).state)
    expect(readFileSync(join(before, 'state.json'), 'utf8')).toBe(hashes)
    release()
    await saveCheckpoint(folder, contentOf(2, 10 * kib))
    expect(loadLastCheckpoint(folder, () => {}).state.step).toBe(2)
  },
)
