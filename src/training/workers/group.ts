/** Workers that train one model together, each in a process of its own with its share of every step's batch. */
import type { Span } from '../slabs.js'

/** What workers tell one another. All of them make the same calls in the same order; a call ends when all have made it. */
export interface WorkerGroup {
  /** From 0; the worker of rank 0 writes the run's files and tells what happens. */
  readonly rank: number
  readonly size: number
  /**
   * Flat float32 memory, all zero at first, in which {@link sum} works without a copy. It stays until the process ends.
   *
   * @param lengths elements of each array, the same in all workers
   * @throws {UserError} there is no room for it
   */
  memory(lengths: readonly number[]): Promise<readonly Float32Array[]>
  /**
   * Sums arrays of {@link memory} over all workers, in place: ((rank 0 + rank 1) + rank 2) + …, so that all of them hold
   * the same bits, and the same workers the same bits again.
   *
   * @param arrays as `memory` gave them, whole
   */
  sum(arrays: readonly Float32Array[]): Promise<void>
  /** What workers of one machine can do besides; absent where they have no memory in common. */
  readonly common?: CommonMemory
  /** @returns every worker's message (JSON), by rank */
  exchange<T>(message: T): Promise<readonly T[]>
  /** Idempotent; a call that waits for others fails. */
  close(): void
}

/** For workers that each update a part of the parameters, as in ZeRO (Rajbhandari et al. 2020), stage 2. */
export interface CommonMemory {
  /**
   * Like {@link WorkerGroup.memory}, but all workers see the same: what one wrote is seen by all behind the next meeting.
   *
   * @throws {UserError} there is no room for it
   */
  memory(lengths: readonly number[]): Promise<readonly Float32Array[]>
  /**
   * Like {@link WorkerGroup.sum}, but of the worker's own spans, in its own arrays alone.
   *
   * @param own spans that no other worker asks for, the same at every call
   */
  sum(arrays: readonly Float32Array[], own: readonly Span[]): Promise<void>
  /** Ends when all are here. */
  meet(): Promise<void>
}

/** One worker alone. */
export const soloGroup: WorkerGroup = {
  rank: 0,
  size: 1,
  memory: async (lengths) => lengths.map((length) => new Float32Array(length)),
  sum: async () => undefined,
  exchange: async (message) => [message],
  close: () => undefined,
}
