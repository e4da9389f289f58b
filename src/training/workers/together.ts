/** What a group of workers agrees on. */
import { availableParallelism, cpus, hostname } from 'node:os'
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

/** A worker among those of its machine. */
export interface Neighbours {
  /** Workers of this machine. */
  readonly count: number
  /** This one's place among them, from 0. */
  readonly index: number
}

/** Who works on the same machine, told apart by its name. */
export async function neighboursIn(group: WorkerGroup): Promise<Neighbours> {
  const hosts = await group.exchange(hostname())
  const isHere = (host: string) => host === hostname()
  return { count: hosts.filter(isHere).length, index: hosts.slice(0, group.rank).filter(isHere).length }
}

/** Threads of this process, where a launcher may have given each of several cores of its own. */
export function threadShareOf({ count }: Neighbours): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(cpus().length / count)))
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
