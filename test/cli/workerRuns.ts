/** Short runs of two workers, watched from outside while they go on. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect } from 'vitest'
import type { World } from '../support/runs.js'
import { run, type Started } from './program.js'

export const steps = 30
/** The first checkpoint. */
export const firstSaved = 'checkpoints/step-000005'

export const settings = (world: World, ...words: readonly string[]): string[] => [
  ...['train', '--backbone', world.backbone, '--dataset', world.dataset, '--vision', 'patches'],
  ...['--batch-size', '8', '--epochs', '1000', '--max-steps', String(steps), '--save-every', '5'],
  ...['--eval-every', '1000', '--dropout', '0.1', '--seed', '5', ...words],
]

export const two = ['--workers', '2'] as const

/** Waits until a run's folder shows it. @throws {Error} the run ends before */
export async function until(shows: () => boolean, { ended }: Started): Promise<void> {
  let end: unknown
  void ended.then((found) => {
    end = found
  })
  while (!shows()) {
    if (end) throw new Error(`it ended before: ${JSON.stringify(end)}`)
    await setTimeout(1)
  }
}

/** The steps that a run's metrics tell, in whole lines. */
export function stepsOf(run: string): number[] {
  const file = join(run, 'metrics.jsonl')
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  return [...text.matchAll(/^\{"step":(\d+),.*\}$/gm)].map(([, step]) => Number(step))
}

/** What a run has learned, and what it would go on with. */
function learned(run: string): string[] {
  return ['adapter_model.safetensors', 'optimizer.safetensors'].map((file) =>
    readFileSync(join(run, 'last', file)).toString('base64'),
  )
}

/** That a run came to what one that nobody disturbed did, bit by bit, with a line for each step. */
export function expectWhole(run: string, undisturbed: string): void {
  expect(stepsOf(run)).toEqual(Array.from({ length: steps }, (_, i) => i + 1))
  expect(learned(run)).toEqual(learned(undisturbed))
}

/** Goes on with a run, to the same end as one that nobody disturbed. */
export async function expectResumed(folder: string, output: string, undisturbed: string): Promise<void> {
  const { code, err } = await run(['train', '--resume', output, '--json'], folder)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expectWhole(join(folder, output), join(folder, undisturbed))
}
