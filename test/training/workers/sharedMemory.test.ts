/** Groups of real processes over shared memory: what they sum, what they tell one another, where their memory is. */
import { readdirSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nativeRuntime } from '../../../src/runtime/index.js'
import { createSharedFile } from '../../../src/training/workers/sharedFile.js'
import { joinSharedGroup } from '../../../src/training/workers/sharedMemory.js'
import { inGroup } from '../../support/group.js'
import { smallDisk } from '../../support/smallDisk.js'
import { digest, temporaryFolder } from '../../support/weights.js'

/** What a rank puts at a place before round `round` of sums. `groupMember.mjs` has the same. */
const valueAt = (rank: number, round: number, i: number) =>
  Math.sin(1 + rank * 7 + round * 3 + i * 0.37) * 10 ** ((i % 7) - 3)

/** ((rank 0 + rank 1) + rank 2) + … in float32. */
const sumOf = (size: number, length: number, round: number) =>
  Float32Array.from({ length }, (_, i) => {
    let sum = Math.fround(valueAt(0, round, i))
    for (let rank = 1; rank < size; rank++) sum = Math.fround(sum + Math.fround(valueAt(rank, round, i)))
    return sum
  })

interface Sums {
  readonly zero: boolean
  readonly digests: readonly (readonly string[])[]
}

/** What each worker of a group comes to. */
const sumsOf = (size: number, rows: readonly (readonly number[])[], rounds: number): Sums[] =>
  rows.map((lengths) => ({
    zero: true,
    digests: Array.from({ length: rounds }, (_, round) =>
      lengths.map((length) => digest(sumOf(size, length, round))),
    ),
  }))

const someLength = fc.oneof(fc.constantFrom(0, 1, 16, 17, 2 ** 18, 2 ** 19 + 5), fc.nat(100_000))

test.each([1, 2, 3])(
  'sums of %i workers are those in the order of ranks, in all of them the same bits',
  async (size) => {
    const rows = [[], [0], ...fc.sample(fc.array(someLength, { minLength: 1, maxLength: 4 }), 4)]
    const outcomes = await inGroup<Sums[]>(size, 'sums', { rows, rounds: 2 })
    for (const { value, notes } of outcomes) {
      expect(value, JSON.stringify(rows)).toEqual(sumsOf(size, rows, 2))
      expect(notes).toEqual([])
    }
  },
)

test.each([1, 2, 3])(
  '%i workers: each sums its own spans, and all see what each writes into common memory',
  async (size) => {
    const lengths = [2 ** 20 + 40, 48]
    const border = (rank: number, length: number) => Math.floor((length * rank) / size)
    const own = [...Array(size).keys()].map((rank) =>
      lengths.map((length, slab) => ({ slab, begin: border(rank, length), end: border(rank + 1, length) })),
    )
    const outcomes = await inGroup<Sums>(size, 'ownSums', { lengths, own, rounds: 2 })
    for (const { value } of outcomes) expect(value).toEqual(sumsOf(size, [lengths], 2)[0])
  },
)

test('messages of one byte and of some megabytes come to all, in order', async () => {
  const lengths = [
    [1, 0, 300_000, 2, 70_000],
    [2, 65_528, 1, 3, 1_500_000],
    [3, 1, 1, 4, 0],
  ]
  const outcomes = await inGroup(3, 'messages', { lengths })
  const expected = [0, 1, 2, 3, 4].map((i) => lengths.map((row, rank) => [rank, row[i], true]))
  for (const { value } of outcomes) expect(value).toEqual(expected)
})

test('nobody goes on before the last has come, and event loops turn meanwhile', async () => {
  const lateMs = 300
  const outcomes = await inGroup<{ cameAt: number; wentAt: number; turns: number }>(3, 'meets', { lateMs })
  const last = Math.max(...outcomes.map(({ value }) => value.cameAt))
  for (const { value } of outcomes) expect(value.wentAt).toBeGreaterThanOrEqual(last)
  expect(outcomes[0]!.value.turns).toBeGreaterThan(50)
})

test('a group that is closed waits for nobody', async () => {
  const file = createSharedFile(2, [temporaryFolder()])
  const options = { fds: file.fds, rank: 0, size: 2, runtime: nativeRuntime, onNote: () => {} }
  const group = joinSharedGroup(options)
  const waiting = group.exchange('is anybody there?')
  group.close()
  group.close()
  file.close()
  await expect(waiting).rejects.toThrow('this group of workers was closed')
})

describe('where memory is', () => {
  const sums = { rows: [[300_000]], rounds: 1 }

  test('a folder without room for the gradients gives way to the next, and it is said', async (context) => {
    const { path } = smallDisk(1024, context)
    const outcomes = await inGroup<Sums[]>(2, 'sums', sums, { folders: [path, temporaryFolder()] })
    for (const { value, notes } of outcomes) {
      expect(value).toEqual(sumsOf(2, sums.rows, 1))
      expect(notes).toEqual([
        expect.stringMatching(/^\/dev\/shm has no room for 2\.\d MB that workers share: /),
      ])
    }
  })

  test('without room anywhere every worker says so', async (context) => {
    const { path } = smallDisk(1024, context)
    await expect(inGroup(2, 'sums', sums, { folders: [path] })).rejects.toThrow(
      /^UserError: there is no room for 2\.\d MB that 2 workers share in .*: make room, /,
    )
  })

  test('a folder that is not there, or is full, gives way before any worker starts', (context) => {
    const { path, fill } = smallDisk(512, context)
    fill(0)
    const folder = temporaryFolder()
    const file = createSharedFile(2, [path, folder])
    expect(file.note).toBe(`${path} can't be used: workers share a file in ${folder}, which is slower`)
    expect(file.fds).toHaveLength(1)
    file.close()
    expect(() => createSharedFile(2, [path, `${folder}/none`])).toThrow(
      /have no room for what workers share: /,
    )
  })

  test('no folder knows of it', () => {
    const folder = temporaryFolder()
    const file = createSharedFile(2, [folder])
    expect(readdirSync(folder)).toEqual([])
    file.close()
    file.close()
  })
})
