/** The line about the steps of a run: rewritten on a terminal, now and then a new one elsewhere. */
import { count } from './format.js'
import type { Screen } from './screen.js'

export interface Live {
  begin(totalSteps: number): void
  step(text: string): void
  /** Other long work: `what` it is, and how much of it is done. */
  working(what: string, done: number, total: number, unit: string): void
  evaluated(): void
  /** Shows what was held back. */
  end(): void
}

/** For a terminal. */
export function everyStatus(screen: Screen): Live {
  let lastStep = ''
  return {
    begin: () => {},
    step: (text) => {
      lastStep = text
      screen.status(text)
    },
    working: (what, done, total, unit) => screen.status(`${what}: ${count(done)} of ${count(total)}${unit}`),
    evaluated: () => screen.status(lastStep),
    end: () => screen.keep(),
  }
}

/** At most so many lines about a run's steps (besides those before evaluations and the last) … */
const mostLines = 100
/** … and so long between two. */
const leastMs = 2000

/** For a pipe or a file. */
export function thinned(screen: Screen, clock: () => number = Date.now): Live {
  let held: string | undefined
  let stepsBetween = 1
  let stepsSince = Number.POSITIVE_INFINITY
  let writtenAt = Number.NEGATIVE_INFINITY
  let announced = ''
  const flush = () => {
    if (held === undefined) return
    screen.line(held)
    held = undefined
    stepsSince = 0
    writtenAt = clock()
  }
  return {
    begin: (totalSteps) => {
      stepsBetween = Math.ceil(totalSteps / mostLines)
    },
    step: (text) => {
      held = text
      stepsSince++
      announced = ''
      if (stepsSince >= stepsBetween && clock() - writtenAt >= leastMs) flush()
    },
    working: (what, _, total, unit) => {
      if (announced === what) return
      flush()
      announced = what
      screen.line(`${what}: ${count(total)}${unit}`)
    },
    evaluated: flush,
    end: flush,
  }
}
