/** What a group of workers agrees on. */
import { UserError } from '../../base/index.js'
import type { TrainConfig } from '../config.js'
import type { WorkerGroup } from './group.js'

/** Ends the run of all workers: one of them was told to. */
export class Interruption extends Error {
  constructor() {
    super('a worker was told to end')
  }
}

/** @throws {Interruption} in all workers, as soon as the signal of one of them has aborted */
export async function throwIfInterrupted(group: WorkerGroup, signal: AbortSignal): Promise<void> {
  const told = await group.exchange(signal.aborted)
  if (told.includes(true)) throw new Interruption()
}

/** @throws {UserError} a worker would never have anything to do */
export function checkBatch(
  { batchSize }: Pick<TrainConfig, 'batchSize'>,
  { size }: Pick<WorkerGroup, 'size'>,
): void {
  if (batchSize >= size) return
  throw new UserError(
    `--batch-size ${batchSize} is for all ${size} workers together: give each a sample at least, or take fewer workers`,
  )
}
