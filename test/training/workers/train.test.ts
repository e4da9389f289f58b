/** Runs of several workers in processes of their own: what one worker would have come to, to the bit where it can be. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { evaluate } from '../../../src/training/index.js'
import { openSafetensors } from '../../../src/weights/index.js'
import { writeTinyClip } from '../../support/clip.js'
import {
  checkpointsOf,
  metricsOf,
  runTogether,
  runTraining,
  type World,
  writeWorld,
} from '../../support/runs.js'
import { digest, folderOfFile } from '../../support/weights.js'

const folder = folderOfFile()
let world: World
let runs = 0
const newRun = (): string => join(folder, 'runs', String(++runs))

interface Row {
  readonly question_id: number
  readonly label: Readonly<Record<string, number>>
}

function rewrite(split: string, edit: (rows: readonly Row[]) => readonly Row[]): void {
  const file = join(world.dataset, 'vqa', `karpathy_${split}.json`)
  writeFileSync(file, JSON.stringify(edit(JSON.parse(readFileSync(file, 'utf8')))))
}

beforeAll(async () => {
  world = await writeWorld(join(folder, 'world'))
  // Answers of one to four words.
  rewrite('train', (rows) =>
    rows.map((row, i) => ({
      ...row,
      label: { [`${'this is what '.repeat(i % 2)}${Object.keys(row.label)[0]}`]: 1 },
    })),
  )
  // More questions than one worker answers at once.
  rewrite('val', (rows) =>
    Array.from({ length: 20 }, (_, copy) =>
      rows.map((row) => ({ ...row, question_id: row.question_id + 1000 * copy })),
    ).flat(),
  )
})

const filesOf = (run: string, step: number) =>
  ['adapter_model.safetensors', 'optimizer.safetensors'].map((file) =>
    join(run, 'checkpoints', `step-${String(step).padStart(6, '0')}`, file),
  )
const digestsOf = (run: string, step: number) => filesOf(run, step).map((file) => digest(readFileSync(file)))
const losses = (run: string) => metricsOf(run).map(({ loss }) => loss as number)
const norms = (run: string) => metricsOf(run).map(({ gradientNorm }) => gradientNorm as number)

function tensorsOf(path: string, prefix = ''): Map<string, Float32Array> {
  const file = openSafetensors(path)
  const names = [...file.tensors.keys()].filter((name) => name.startsWith(prefix))
  return new Map(names.map((name) => [name, file.readFloat32(name)]))
}

/** Means of gradients by name; after one step the gradients themselves, but for a factor. */
const momentsOf = (run: string, step: number) => tensorsOf(filesOf(run, step)[1]!, 'exp_avg.')

const norm = (values: Float32Array) => Math.hypot(...values)

/** How far two runs' tensors are from each other, the farthest, in norms of the tensor. */
function farthest(a: Map<string, Float32Array>, b: Map<string, Float32Array>): number {
  const distances = [...a].map(([name, values]) => {
    const difference = values.map((value, i) => value - b.get(name)![i]!)
    return norm(difference) === 0 ? 0 : norm(difference) / norm(values)
  })
  return Math.max(...distances)
}

/** As many samples as make the last step of an epoch smaller than some groups. */
const settings = { maxSteps: 10, batchSize: 5, saveEvery: 1, keep: 10, learningRate: 1e-3 } as const

describe.each([0, 0.1])('with dropout %f', (dropout) => {
  const over = { ...settings, dropout }
  let alone: string
  beforeAll(async () => {
    alone = newRun()
    await runTraining(world, { ...over, threads: 1 }, { run: alone })
  })

  test.each([2, 3])('%i workers have the gradients and losses of one', async (workers) => {
    const run = newRun()
    const told = await runTogether(workers, world, over, { run })
    expect(farthest(momentsOf(alone, 1), momentsOf(run, 1))).toBeLessThan(1e-5)
    const [one, many] = [losses(alone), losses(run)]
    expect(many).toHaveLength(10)
    for (const [i, loss] of many.entries())
      expect(Math.abs(loss / one[i]! - 1), `step ${i + 1}`).toBeLessThan(1e-5)
    for (const [i, norm] of norms(run).entries())
      expect(Math.abs(norm / norms(alone)[i]! - 1), `norm of step ${i + 1}`).toBeLessThan(1e-4)
    for (const { result } of told) expect(result).toEqual(told[0]!.result)
    for (const { events } of told.slice(1)) expect(events).toEqual([])
  })
})

describe('two workers', () => {
  const over = { ...settings, maxSteps: 4, dropout: 0.1 }
  let whole: string
  beforeAll(async () => {
    whole = newRun()
    await runTogether(2, world, over, { run: whole })
  })

  test('come to the same bits again', async () => {
    const run = newRun()
    await runTogether(2, world, over, { run })
    expect(metricsOf(run)).toEqual(metricsOf(whole))
    expect(digestsOf(run, 4)).toEqual(digestsOf(whole, 4))
  })

  test('answer as one worker with their weights does', async () => {
    const of = (split: string) =>
      JSON.parse(readFileSync(join(whole, 'predictions', `${split}.json`), 'utf8'))
    const answers = { validation: of('validation'), test: of('test') }
    expect(answers.validation).toHaveLength(160)
    for (const split of ['validation', 'test'] as const) {
      await evaluate(whole, { split, cache: world.cache, onNote: () => {}, report: () => {} })
      expect(of(split)).toEqual(answers[split])
    }
  })

  test.each(['adamw', 'adafactor'])('save what each has updated by %s', async (optimizer) => {
    const [alone, together] = [newRun(), newRun()]
    const short = { ...over, optimizer, maxSteps: 1, dropout: 0 }
    await runTraining(world, { ...short, threads: 1 }, { run: alone })
    await runTogether(2, world, short, { run: together })
    for (const [i, path] of filesOf(alone, 1).entries()) {
      const [right, got] = [tensorsOf(path), tensorsOf(filesOf(together, 1)[i]!)]
      expect(got.size).toBe(right.size)
      expect(farthest(right, got)).toBeLessThan(1e-4)
    }
  })

  test('add up the parts of their shares', async () => {
    const run = newRun()
    await runTogether(2, world, { ...over, accumulate: 2 }, { run })
    for (const [i, loss] of losses(run).entries())
      expect(Math.abs(loss / losses(whole)[i]! - 1), `step ${i + 1}`).toBeLessThan(1e-5)
  })

  test.each([
    ['between two steps', 2, 2],
    ['in an evaluation', 5, 4],
  ])('end together when the second is interrupted %s, and go on to the same bits', async (_, times, step) => {
    const run = newRun()
    const told = await runTogether(2, world, over, { run, stopAt: { rank: 1, times } })
    for (const { result } of told) expect(result).toMatchObject({ outcome: 'interrupted', step })
    expect(checkpointsOf(run).at(-1)).toBe(`step-00000${step}`)
    expect(existsSync(join(run, 'report.md'))).toBe(false)
    await runTogether(2, world, {}, { run, resume: true })
    expect(metricsOf(run)).toEqual(metricsOf(whole))
    expect(digestsOf(run, 4)).toEqual(digestsOf(whole, 4))
    expect(existsSync(join(run, 'report.md'))).toBe(true)
  })

  test('leave a run that one worker goes on with, and three', async () => {
    for (const workers of [1, 3]) {
      const run = newRun()
      await runTogether(2, world, over, { run, stopAt: { rank: 0, times: 2 } })
      await runTogether(workers, world, {}, { run, resume: true })
      for (const [i, loss] of losses(run).entries())
        expect(Math.abs(loss / losses(whole)[i]! - 1), `step ${i + 1}`).toBeLessThan(1e-5)
    }
  })

  test('need a sample each', async () => {
    const run = newRun()
    await expect(runTogether(2, world, { ...over, batchSize: 1 }, { run })).rejects.toThrow(
      'UserError: --batch-size 1 is for all 2 workers together: give each a sample at least, or take fewer workers',
    )
    expect(existsSync(run)).toBe(false)
  })

  test('look at pictures through a CLIP to the bits that one worker has, and leave the same files', async () => {
    const vision = join(folder, 'clip')
    mkdirSync(vision)
    writeTinyClip(vision)
    const caches = await Promise.all(
      [1, 2].map(async (workers) => {
        const cache = join(folder, `cache-${workers}`)
        await runTogether(workers, { ...world, cache }, { vision, maxSteps: 1 }, { run: newRun() })
        const pictures = join(cache, 'pictures')
        return readdirSync(pictures).map((name) => [name, digest(readFileSync(join(pictures, name)))])
      }),
    )
    expect(caches[0]).toHaveLength(3)
    expect(caches[1]).toEqual(caches[0])
  })
})
