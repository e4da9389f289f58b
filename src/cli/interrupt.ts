/** Ctrl-C: the first one asks for an orderly end, a later one ends at once. */
import { exitCodes } from './errors.js'

/** A second signal within this time is the first one again: `npx` passes on what the terminal has sent already. */
const sameSignalMs = 1000

const signals = ['SIGINT', 'SIGTERM'] as const

export interface Interruption {
  readonly signal: AbortSignal
  /** As if a signal had come. */
  interrupt(): void
  /** Idempotent: signals do again what they did before. */
  close(): void
}

/** @param onFirst called once, before the signal is aborted */
export function interruptible(onFirst: () => void, clock: () => number = Date.now): Interruption {
  const controller = new AbortController()
  let firstAt: number | undefined
  const interrupt = () => {
    if (firstAt === undefined) {
      firstAt = clock()
      onFirst()
      controller.abort()
    } else if (clock() - firstAt > sameSignalMs) process.exit(exitCodes.interrupted)
  }
  for (const name of signals) process.on(name, interrupt)
  return {
    signal: controller.signal,
    interrupt,
    close: () => {
      for (const name of signals) process.off(name, interrupt)
    },
  }
}
