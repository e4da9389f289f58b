/** What a group of workers agrees on. */
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
