/** One run a folder; what a killed run left behind holds nothing. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import type { RunFolder } from '../../src/training/runFolder.js'
import { type Machine, RunLock, thisMachine } from '../../src/training/runLock.js'
import { emptyRun } from '../support/checkpoints.js'
import { temporaryFolder } from '../support/weights.js'

let run: RunFolder
let file: string

beforeEach(() => {
  run = emptyRun(join(temporaryFolder(), 'run'))
  file = join(run.path, 'lock')
})

const taken = (machine: Machine = thisMachine): RunLock => {
  const lock = new RunLock(machine)
  lock.take(run)
  return lock
}

test.skipIf(process.platform === 'win32')(
  'a folder is held until its run ends, and the file is gone then',
  () => {
    const first = taken()
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ pid: process.pid, host: thisMachine.host })
    expect(() => taken()).toThrow(UserError)
    expect(() => taken()).toThrow(
      `${run.path} is held by another run (process ${process.pid} on ${thisMachine.host}): wait for its end, or interrupt it`,
    )
    expect(existsSync(file)).toBe(true)
    first.release()
    first.release()
    expect(existsSync(file)).toBe(false)
    taken().release()
  },
)

/** What a run of another time or place has left. */
function leave(over: Readonly<Record<string, unknown>> = {}): void {
  const { host, boot } = thisMachine
  const began = thisMachine.began(process.pid)
  writeFileSync(file, JSON.stringify({ pid: process.pid, began, host, boot, ...over }))
}

const elsewhere = { host: 'far-away', boot: 'another boot' } as const

describe('with the kernel’s lock, what a killed run left does not count', () => {
  test.each([
    ['of this machine', {}],
    ['of before it started again', { boot: 'before' }],
    ['of another machine, whose disk this was', elsewhere],
  ])('%s', (_, over) => {
    leave(over)
    taken({ ...thisMachine, isShared: () => false }).release()
  })

  test.each(['', 'torn {"pid":', '{}'])('torn: %j', (text) => {
    writeFileSync(file, text)
    taken().release()
  })

  test('another machine’s on a network drive does: what to do is said', () => {
    leave(elsewhere)
    const shared: Machine = { ...thisMachine, isShared: () => true }
    expect(() => taken(shared)).toThrow(UserError)
    expect(() => taken(shared)).toThrow(
      `${run.path} is held by a run on another machine (process ${process.pid} on far-away): ` +
        `wait for its end, or, where it has died, remove ${file}`,
    )
    leave({ boot: 'before' })
    taken(shared).release()
  })
})

describe('on a drive without locks the file decides', () => {
  const lockless: Machine = { ...thisMachine, lock: () => 'unknown' }

  test.each([
    ['a process that lives', {}, 'is held by another run (process'],
    ['a run on another machine', elsewhere, 'is held by a run on another machine (process'],
  ])('%s holds it', (_, over, message) => {
    leave(over)
    expect(() => taken(lockless)).toThrow(message)
  })

  test.each([
    ['a process that is gone', { pid: 2 ** 30 }],
    ['a process whose number another one has now', { began: '1' }],
    ['a process of before the machine started again', { boot: 'before' }],
  ])('%s does not', (_, over) => {
    leave(over)
    taken(lockless).release()
  })
})

test('a folder that can’t be written is one line', () => {
  const nowhere: RunFolder = { path: join(run.path, 'nowhere'), checkpoints: '' }
  expect(() => new RunLock().take(nowhere)).toThrow(UserError)
  expect(() => new RunLock().take(nowhere)).toThrow(
    /nowhere\/lock: cannot be written \(its folder does not exist\)/,
  )
})
