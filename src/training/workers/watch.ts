/** Notices workers that live and no longer move. */
import { UserError } from '../../base/index.js'
import type { Report, TrainEvent } from '../events.js'

/** A worker died or hangs. */
export class LostWorker extends UserError {
  override name = 'LostWorker'
}

/** Between two signs of life of a worker. */
export const beatMs = 500

const limits = {
  /** Without a sign of life. */
  silentMs: 5000,
  /** Before the first one: a process has to start, and thousands may start at once. */
  startMs: 60_000,
  /** The least that a step too long takes, in itself and by what steps usually take. */
  stepMs: 60_000,
  stepFactor: 20,
  /** Between two looks; after more, this process itself was held up (Ctrl-Z, a machine asleep) and knows nothing. */
  lookMs: 2000,
} as const

/** Steps whose median is usual. */
const steps = 101

export class Watch {
  readonly #clock: () => number
  /** When each worker was last heard, and whether ever. */
  readonly #heard: { at: number; ever: boolean }[]
  readonly #took: number[] = []
  /** When the step under way began. */
  #stepAt: number | undefined
  #lookedAt: number

  /**
   * @param size how many workers beat
   * @param clock milliseconds
   */
  constructor(size: number, clock: () => number = () => performance.now()) {
    this.#clock = clock
    this.#lookedAt = clock()
    this.#heard = Array.from({ length: size }, () => ({ at: clock(), ever: false }))
  }

  beat(rank: number): void {
    this.#heard[rank] = { at: this.#clock(), ever: true }
  }

  /** A step ended, and the next one begins. */
  step(): void {
    const now = this.#clock()
    if (this.#stepAt !== undefined) this.#took.push(now - this.#stepAt)
    if (this.#took.length > steps) this.#took.shift()
    this.#stepAt = now
  }

  /** A step begins, after other work. */
  go(): void {
    this.#stepAt = this.#clock()
  }

  /** What goes on now is no step, and may take any time. */
  pause(): void {
    this.#stepAt = undefined
  }

  /** @returns the worker that hangs, where one is known, and what tells so */
  look(): { readonly rank?: number; readonly how: string } | undefined {
    const now = this.#clock()
    const since = now - this.#lookedAt
    this.#lookedAt = now
    if (since > limits.lookMs) {
      for (const each of this.#heard) each.at += since
      if (this.#stepAt !== undefined) this.#stepAt += since
      return undefined
    }
    const rank = this.#heard.findIndex(({ at, ever }) => now - at > (ever ? limits.silentMs : limits.startMs))
    if (rank >= 0) return { rank, how: `hung: no sign of life for ${seconds(now - this.#heard[rank]!.at)}` }
    return this.#longStep(now)
  }

  #longStep(now: number): { readonly how: string } | undefined {
    if (this.#stepAt === undefined || this.#took.length === 0) return undefined
    const took = now - this.#stepAt
    const usual = [...this.#took].sort((a, b) => a - b)[this.#took.length >> 1]!
    if (took <= limits.stepMs || took <= limits.stepFactor * usual) return undefined
    return { how: `hung: a step takes ${seconds(took)}, where ${seconds(usual)} is usual` }
  }
}

/** Tells a watch what goes on in a worker. */
export function follow(watch: Watch, event: TrainEvent): void {
  const { kind } = event
  if (kind === 'step') watch.step()
  else if (kind === 'evaluation') watch.go()
  if (kind === 'evaluating' || kind === 'preparing' || (kind === 'step' && event.secondsLeft === 0))
    watch.pause()
}

/**
 * Workers that a launcher started have no parent who would hear them. Each looks itself how long a step takes, which it
 * does while it waits for others.
 *
 * @param work is to tell what goes on
 * @throws {LostWorker} a step hangs, of this worker or of another; `work` is left alone then
 */
export async function watchingSteps<T>(work: (told: Report) => Promise<T>, watch = new Watch(0)): Promise<T> {
  let looking: NodeJS.Timeout | undefined
  let run = ''
  const told = (event: TrainEvent) => {
    if (event.kind === 'start') run = ` ${event.folder}`
    follow(watch, event)
  }
  const lost = new Promise<never>((_, failed) => {
    looking = setInterval(() => {
      const hanging = watch.look()
      if (hanging) failed(new LostWorker(`a worker ${hanging.how}: go on with --resume${run}`))
    }, beatMs)
  })
  try {
    return await Promise.race([work(told), lost])
  } finally {
    clearInterval(looking)
  }
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
