/** Whatever fails, and whenever the power goes: a run's folder loads to the old state or to the new one. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Disk, disk } from '../../src/files/index.js'
import { checkpointName, loadCheckpoint, loadLastCheckpoint } from '../../src/training/checkpoint.js'
import { checkpointAt, type RunFolder } from '../../src/training/runFolder.js'
import { tidyCheckpoints } from '../../src/training/saveCheckpoint.js'
import { Saver } from '../../src/training/saver.js'
import { contentOf, emptyRun } from '../support/checkpoints.js'
import { type Failing, failingDisk } from '../support/failingDisk.js'
import { temporaryFolder } from '../support/weights.js'

interface Saved {
  readonly step: number
  /** What all weights and moments are. */
  readonly value: number
  readonly isBest?: boolean
}

async function save(run: RunFolder, { step, value, isBest }: Saved, on: Disk): Promise<void> {
  const saver = new Saver(run, {
    keep: 1,
    contentOf: async (state) => {
      const { weights, extra, ...rest } = contentOf(step, 40, value)
      const more = [{ ...weights.tensors[0]!, name: 'more' }]
      return { ...rest, weights, extra: extra ?? more, state: { ...state, counts: {} } }
    },
    ...{ onSaved: () => {}, report: () => {}, disk: on },
  })
  const best = { score: value, step: isBest ? step : 1 }
  await saver.saveNow(step, () => ({ step, evaluated: step, best, seconds: 1 }))
}

/** The one value of all tensors. */
function onlyValueOf({ weights, extra, optimizer }: ReturnType<typeof loadCheckpoint>): number {
  const values = [
    weights.readFloat32('gate'),
    extra!.readFloat32('more'),
    optimizer.readFloat32('exp_avg.gate'),
  ]
  const distinct = new Set(values.flatMap((value) => [...value]))
  expect(distinct.size).toBe(1)
  return [...distinct][0]!
}

/** What a run that goes on takes; `undefined`: there is nothing. */
async function resumed({ checkpoints }: RunFolder): Promise<number | undefined> {
  await tidyCheckpoints(checkpoints)
  if (readdirSync(checkpoints).length === 0) return undefined
  const said: string[] = []
  const loaded = loadLastCheckpoint(checkpoints, (text) => said.push(text))
  expect(said).toEqual([])
  return onlyValueOf(loaded)
}

/** What `vl-lst evaluate` takes, which changes nothing in the folder. */
function pointed(run: RunFolder, name: 'best' | 'last'): number | undefined {
  const path = checkpointAt(run, name)
  return path === undefined ? undefined : onlyValueOf(loadCheckpoint(path))
}

const scenes: Readonly<Record<string, { readonly before: readonly Saved[]; readonly next: Saved }>> = {
  'the first checkpoint': { before: [], next: { step: 1, value: 10, isBest: true } },
  'the next, where one is removed': {
    before: [
      { step: 1, value: 10, isBest: true },
      { step: 2, value: 20 },
    ],
    next: { step: 3, value: 30 },
  },
  'a better one, where the best before is removed': {
    before: [{ step: 1, value: 10, isBest: true }],
    next: { step: 2, value: 20, isBest: true },
  },
  'the same step again': {
    before: [{ step: 1, value: 10, isBest: true }],
    next: { step: 1, value: 15, isBest: true },
  },
}
const cases = Object.keys(scenes).flatMap((scene) =>
  (['once', 'from then on'] as const).map((failing): [string, Failing] => [scene, failing]),
)

describe.each(cases)('%s; every operation fails in turn, %s', (scene, failing) => {
  const { before, next } = scenes[scene]!

  test('the old or the new state is there each time, and the next save succeeds', async () => {
    const seen = new Set<number | undefined>()
    const operations = new Set<string>()
    for (let at = 1; ; at++) {
      const run = emptyRun(join(temporaryFolder(), 'run'))
      writeFileSync(join(run.path, 'metrics.jsonl'), '{}\n')
      for (const saved of before) await save(run, saved, disk)
      const old = { last: pointed(run, 'last'), best: pointed(run, 'best') }
      const broken = failingDisk(at, failing)
      await save(run, next, broken.disk).catch(() => undefined)
      if (broken.done.length < at) break // none is left
      operations.add(broken.done[at - 1]!)
      const about = `${scene}, ${failing}: operation ${at}, ${broken.done[at - 1]}`
      for (const name of ['last', 'best'] as const)
        expect([old[name], next.value], `${name}: ${about}`).toContain(pointed(run, name))
      const value = await resumed(run)
      expect([before.at(-1)?.value, next.value], about).toContain(value)
      seen.add(value)

      await save(run, next, disk)
      expect(await resumed(run), about).toBe(next.value)
      expect(pointed(run, 'last'), about).toBe(next.value)
      const best = next.isBest ? next.step : 1
      expect(readdirSync(run.checkpoints), about).toEqual(
        [...new Set([best, next.step])].sort().map(checkpointName),
      )
      expect(readdirSync(run.path).sort(), about).toEqual(['best', 'checkpoints', 'last', 'metrics.jsonl'])
    }
    expect(seen).toEqual(new Set([before.at(-1)?.value, next.value]))
    expect([...operations]).toEqual(
      expect.arrayContaining(['makeFolder', 'open', 'write', 'sync', 'close', 'rename', 'link', 'remove']),
    )
  })
})
