/** Trainings by several workers, and what is left when one of them, their parent or the user ends them. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { allGone, childrenOf, isAlive } from '../support/processes.js'
import { type World, writeWorld } from '../support/runs.js'
import { type Ended, refusal, refusedHere, run, type Started, start, temporaryFolder } from './program.js'
import { expectResumed, expectWhole, firstSaved, settings, steps, stepsOf, two, until } from './workerRuns.js'

const folder = temporaryFolder()
let world: World
beforeAll(async () => {
  world = await writeWorld(join(folder, 'world'))
})

const lines = (text: string) => text.trimEnd().split('\n')

/** A run that has done some steps and saved the first of them, if it saves, and its workers by rank. */
async function underWay(
  output: string,
  ...words: readonly string[]
): Promise<Started & { readonly workers: number[] }> {
  const started = start(settings(world, ...two, '--output', output, ...words), folder)
  const saved = join(folder, output, words.includes('--save-every') ? '' : firstSaved)
  await until(() => stepsOf(join(folder, output)).length >= 7 && existsSync(saved), started)
  const workers = childrenOf(started.child.pid!)
  expect(workers).toHaveLength(2)
  onTestFinished(async () => {
    await allGone(workers)
    expect(readdirSync('/dev/shm').filter((name) => name.startsWith('vl-lst'))).toEqual([])
  })
  return { ...started, workers }
}

const ended = async ({ ended }: Started): Promise<Ended & { readonly last: string }> => {
  const end = await ended
  return { ...end, last: lines(end.err).at(-1)! }
}

beforeAll(async () => {
  const { code, out, err } = await run(settings(world, ...two, '--output', 'whole', '--json'), folder)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  writeFileSync(join(folder, 'whole.jsonl'), out)
})

test('what the parent and the first worker both find is said once', async () => {
  const data = join(folder, 'qqp')
  mkdirSync(data)
  const head = 'id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate'
  const row = (i: number) => `${i}\t1\t2\twhat is this ?\tis this red ?\t${i % 2}`
  const rows = Array.from({ length: 1024 }, (_, i) => row(i)) // a thousand are held out to validate on
  writeFileSync(join(data, 'train.tsv'), [head, ...rows, '1024\t1\t2', ''].join('\n'))
  writeFileSync(join(data, 'dev.tsv'), [head, ...rows.slice(0, 8), ''].join('\n'))
  const words = [
    'train',
    '--task',
    'qqp',
    '--backbone',
    world.backbone,
    '--dataset',
    data,
    '--reduction',
    '2',
  ]
  const sizes = ['--batch-size', '8', '--max-steps', '1', '--output', 'noted']
  const { code, err } = await run([...words, ...sizes, ...two], folder)
  expect(code, err).toBe(0)
  expect(err.match(/1 row ends before its label and is left out/g) ?? err).toHaveLength(1)
})

test('a run of two workers prints and writes what a run of one does', async () => {
  const one = await run(settings(world, '--output', 'one', '--json'), folder)
  const told = (out: string) =>
    lines(out)
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ kind }) => kind !== 'preparing' && kind !== 'checkpoint') // which may come at another time
  const whole = told(readFileSync(join(folder, 'whole.jsonl'), 'utf8'))
  expect(whole.map(({ kind }) => kind)).toEqual(told(one.out).map(({ kind }) => kind))
  expect(whole.at(-1)).toMatchObject({ kind: 'result', outcome: 'finished', step: steps, folder: 'whole' })
  expect(whole[0]).toMatchObject({ kind: 'start', config: { workers: 2, threads: null, batchSize: 8 } })
  expect(readFileSync(join(folder, 'whole', 'config.yaml'), 'utf8')).toMatch(/^workers: 2$/m)
  expect(readdirSync(join(folder, 'whole')).sort()).toEqual(readdirSync(join(folder, 'one')).sort())
})

describe.skipIf(process.platform !== 'linux')('while it runs,', () => {
  test('one worker alone is no process of its own', async () => {
    const started = start(settings(world, '--workers', '1', '--output', 'alone'), folder)
    await until(() => stepsOf(join(folder, 'alone')).length >= 2, started)
    expect(childrenOf(started.child.pid!)).toEqual([])
    started.child.kill('SIGKILL')
    await started.ended
  })

  test.each([0, 1])('worker %i is killed: one line says how to go on, and nothing is lost', async (rank) => {
    const output = `killed-${rank}`
    const going = await underWay(output)
    process.kill(going.workers[rank]!, 'SIGKILL')
    const { code, out, last } = await ended(going)
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(last).toMatch(
      new RegExp(
        `^vl-lst: worker ${rank} was killed \\(SIGKILL, .*\\): go on after step \\d+ with --resume ${output}$`,
      ),
    )
    expect(going.workers.map(isAlive)).toEqual([false, false])
    await expectResumed(folder, output, 'whole')
  })

  test('the parent is killed: its workers are gone with it, and nothing is lost', async () => {
    const going = await underWay('orphaned')
    going.child.kill('SIGKILL')
    await going.ended
    await allGone(going.workers)
    await expectResumed(folder, 'orphaned', 'whole')
  })

  test('a worker hangs: with --max-restarts the run goes on by itself', async () => {
    const going = await underWay('hung', '--max-restarts', '1')
    process.kill(going.workers[1]!, 'SIGSTOP')
    const { code, err } = await ended(going)
    expect(code, err).toBe(0)
    expect(err).toMatch(
      /^worker 1 hung: no sign of life for 5\.\d s: going on after step \d+ \(restart 1 of 1\)$/m,
    )
    expect(err).toMatch(/^going on after step \d+ in hung$/m)
    expectWhole(join(folder, 'hung'), join(folder, 'whole'))
  })

  test('before the first checkpoint a restart begins again in the same folder; then no restart is left', async () => {
    const words = ['--max-restarts', '1', '--save-every', '1000', '--json']
    const going = await underWay('early', ...words)
    process.kill(going.workers[0]!, 'SIGKILL')
    await going.shown(/going on from the beginning \(restart 1 of 1\).*\n.*"kind":"start"/)
    const again = childrenOf(going.child.pid!)
    process.kill(again[1]!, 'SIGTERM') // a worker takes no such orders
    process.kill(again[1]!, 'SIGABRT')
    const { code, last } = await ended(going)
    expect(code).toBe(1)
    expect(last).toBe(
      'vl-lst: worker 1 was killed (SIGABRT): nothing was saved yet: start the run again with another --output',
    )
    await allGone(again)
  })

  test('Ctrl-C at a terminal, which all processes get, saves and ends with 130', async () => {
    const going = await underWay('stopped')
    for (const pid of [...going.workers, going.child.pid!, going.child.pid!]) process.kill(pid, 'SIGINT')
    const { code, out, last } = await ended(going)
    expect({ code, out }).toEqual({ code: 130, out: '' })
    expect(last).toMatch(
      /^vl-lst: interrupted after step \d+, state saved: go on with vl-lst train --resume stopped$/,
    )
    expect(going.workers.map(isAlive)).toEqual([false, false])
    await expectResumed(folder, 'stopped', 'whole')
  })

  test('Ctrl-C once more ends what can’t end by itself', async () => {
    const going = await underWay('twice')
    for (const pid of going.workers) process.kill(pid, 'SIGSTOP')
    going.child.kill('SIGINT')
    await going.shown('saving…')
    await setTimeout(1100) // later than what counts as the same Ctrl-C
    going.child.kill('SIGINT')
    const { code } = await going.ended
    expect(code).toBe(130)
  })
})

describe('an error of a worker', () => {
  test('is the one line that one worker would end with', async () => {
    const bad = ['--learning-rate', '1e20', '--warmup-ratio', '0', '--max-restarts', '3', '--quiet']
    const { code, out, err } = await run(settings(world, ...two, ...bad, '--output', 'nan'), folder)
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(/^vl-lst: the (loss|gradients' norm) became (NaN|Infinity) at step \d+: lower .*\n$/)
  })

  test('is found by the parent where it can be, before a worker is started', async () => {
    const given = settings(world, ...two, '--output', join(folder, 'whole'))
    expect(await refusedHere(given)).toMatchObject({ code: 2, err: expect.stringContaining('not empty') })
    const missing = settings(
      world,
      ...two,
      '--output',
      join(folder, 'new'),
      '--backbone',
      join(folder, 'nothing'),
    )
    expect(await refusedHere(missing)).toMatchObject({ code: 2 })
  })
})

test.each([
  [
    ['--workers', '9', '--batch-size', '8'],
    '--batch-size 8 is for all 9 workers together: give each a sample at least, or take fewer workers',
  ],
  [['--workers', '0'], '--workers 0: give a whole number from 1'],
  [
    ['--workers', '2', '--gpus', '0,1'],
    '--workers 2 and --gpus 0,1: there is one worker a device: leave one of them out',
  ],
  [['--gpus', '0,1,0'], '--gpus 0,1,0 names device 0 twice: name each once, or add --share-devices'],
  [['--gpus', 'one'], '--gpus one: give device numbers from 0, such as 0,1, or none'],
  [['--max-restarts', '-1'], '--max-restarts -1: give a whole number from 0'],
])('%j is refused', async (words, line) => {
  expect(await refusedHere(['train', ...words])).toEqual(refusal(line))
})

test('workers are a setting of the execution: another number goes on with a run', async () => {
  const printed = async (...words: readonly string[]) =>
    JSON.parse((await run(['train', '--resume', 'whole', '--print-config', '--json', ...words], folder)).out)
  expect(await printed()).toMatchObject({ workers: 2, gpus: null })
  expect(await printed('--gpus', '0,1')).toMatchObject({ workers: 1, gpus: [0, 1] })
  expect(await printed('--workers', '3')).toMatchObject({ workers: 3, gpus: null })
})
