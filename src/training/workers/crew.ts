/** Worker processes of one parent: started together, watched, and ended together. */
import { type ChildProcess, fork } from 'node:child_process'
import type { Readable } from 'node:stream'
import { beatMs, type Watch } from './watch.js'

/** Descriptors of a worker: after the standard ones and Node's own channel, its heart's pipe and what it inherits. */
export const heartFd = 4
export const inheritedFds = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, i) => heartFd + 1 + i)

export interface CrewOptions {
  /** Path of the module that every worker runs. */
  readonly entry: string
  /** What each is told first, by rank. */
  readonly orders: readonly object[]
  /** Descriptors that all inherit, as {@link inheritedFds}. */
  readonly inherit: readonly number[]
  readonly watch: Watch
  onMessage(rank: number, message: unknown): void
  /**
   * A worker ended, or hangs. There may be several calls; the first one is the cause.
   *
   * @param rank `undefined`: one of them, and it isn't known which
   * @param how `was killed (SIGKILL)`
   */
  onLost(rank: number | undefined, how: string): void
}

export class Crew {
  readonly #workers: readonly { readonly child: ChildProcess; readonly gone: Promise<void> }[]
  readonly #looking: NodeJS.Timeout
  readonly #kill = () => {
    for (const { child } of this.#workers) child.kill('SIGKILL')
  }

  constructor(options: CrewOptions) {
    const { watch, onLost } = options
    this.#workers = options.orders.map((order, rank) => startWorker(order, rank, options))
    process.on('exit', this.#kill)
    this.#looking = setInterval(() => {
      const hanging = watch.look()
      if (hanging) onLost(hanging.rank, hanging.how)
    }, beatMs)
  }

  /** Tells all workers. */
  tell(message: object): void {
    for (const { child } of this.#workers) send(child, message)
  }

  /** Kills all; resolves when none is left. Idempotent. */
  async end(): Promise<void> {
    clearInterval(this.#looking)
    this.#kill()
    await Promise.all(this.#workers.map(({ gone }) => gone))
    process.off('exit', this.#kill)
  }
}

function startWorker(
  order: object,
  rank: number,
  { entry, inherit, watch, onMessage, onLost }: CrewOptions,
): { child: ChildProcess; gone: Promise<void> } {
  const child = fork(entry, [], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc', 'pipe', ...inherit],
    serialization: 'advanced',
  })
  const heart = child.stdio[heartFd] as Readable | null
  heart?.on('data', () => watch.beat(rank)).on('error', () => {})
  child.on('message', (message) => onMessage(rank, message))
  const gone = new Promise<void>((done) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (child.pid !== undefined) return // a signal or a message that came too late
      onLost(rank, `could not be started (${error.code ?? error.message})`)
      done()
    })
    child.on('exit', (code, signal) => {
      done()
      // What it said before comes first.
      const ended = () => onLost(rank, endedHow(code, signal))
      if (child.connected) child.once('disconnect', ended)
      else ended()
    })
  })
  send(child, order)
  return { child, gone }
}

function endedHow(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === null) return `ended with exit code ${code}`
  if (signal === 'SIGKILL') return `was killed (${signal}, as the system does when memory runs out)`
  return `was killed (${signal})`
}

/** A worker that is gone hears nothing; that it is gone is told elsewhere. */
function send(child: ChildProcess, message: object): void {
  if (child.connected) child.send(message, () => {})
}
