/** Processes of a crew: how each end is told, and that nobody is left. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { Crew } from '../../../src/training/workers/crew.js'
import { Watch } from '../../../src/training/workers/watch.js'
import { allGone, isAlive } from '../../support/processes.js'

const support = (name: string) => fileURLToPath(new URL(`../../support/${name}`, import.meta.url))

interface Heard {
  readonly crew: Crew
  /** By rank. */
  readonly pids: readonly number[]
  /** Who was lost first, and how. */
  readonly lost: Promise<readonly [rank: number | undefined, how: string]>
  readonly said: readonly string[]
}

/** A crew of workers that act so, once all have started. */
async function crewOf(...acts: readonly string[]): Promise<Heard> {
  const pids: number[] = []
  const said: string[] = []
  let lose: (loss: readonly [number | undefined, string]) => void
  const lost = new Promise<readonly [number | undefined, string]>((done) => {
    lose = done
  })
  const crew = await new Promise<Crew>((done) => {
    const starting = new Crew({
      entry: support('crewMember.mjs'),
      orders: acts.map((act) => ({ act })),
      inherit: [],
      watch: new Watch(acts.length),
      onMessage: (rank, message) => {
        const { pid, said: words } = message as { pid?: number; said?: string }
        if (words !== undefined) said.push(words)
        if (pid === undefined) return
        pids[rank] = pid
        if (Object.keys(pids).length === acts.length) done(starting)
      },
      onLost: (rank, how) => {
        lose([rank, how])
      },
    })
  })
  onTestFinished(() => crew.end())
  return { crew, pids, lost, said }
}

const onLinux = test.skipIf(process.platform !== 'linux')

onLinux.each([
  ['SIGKILL', 'was killed (SIGKILL, as the system does when memory runs out)'],
  ['SIGSEGV', 'was killed (SIGSEGV)'],
] as const)('a worker that %s ends is told, and the others end with the crew', async (signal, how) => {
  const { crew, pids, lost } = await crewOf('wait', 'wait')
  process.kill(pids[1]!, signal)
  expect(await lost).toEqual([1, how])
  await crew.end()
  expect(pids.map(isAlive)).toEqual([false, false])
})

test('a worker that exits is told', async () => {
  const { lost } = await crewOf('wait', 'exit')
  expect(await lost).toEqual([1, 'ended with exit code 3'])
})

test('what a worker said last comes before its end', async () => {
  const { lost, said } = await crewOf('confess')
  expect(await lost).toEqual([0, 'ended with exit code 4'])
  expect(said).toEqual(['sorry'])
})

onLinux('a worker that is stopped is told; one that computes without a pause is not', async () => {
  const { crew, pids, lost } = await crewOf('block', 'wait')
  process.kill(pids[1]!, 'SIGSTOP')
  expect(await lost).toEqual([1, expect.stringMatching(/^hung: no sign of life for 5\.\d s$/)])
  await crew.end()
  expect(pids.map(isAlive)).toEqual([false, false])
})

onLinux('workers end with their parent, though it is killed and they compute without a pause', async () => {
  const parent: ChildProcess = spawn(process.execPath, [support('crewParent.mjs'), 'wait', 'block'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void parent.kill('SIGKILL'))
  const pids: number[] = []
  for await (const line of createInterface({ input: parent.stdout! })) {
    pids.push((JSON.parse(line) as { pid: number }).pid)
    if (pids.length === 2) break
  }
  await setTimeout(200) // so that one blocks
  const ended = once(parent, 'exit')
  parent.kill('SIGKILL')
  await ended
  await allGone(pids)
})
