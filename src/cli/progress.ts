/** What a training run shows while it runs: a table of ways to show it, one of which is chosen. */
import { humanBytes } from '../base/index.js'
import type { Report, TrainEvent, TrainResult } from '../training/index.js'
import { count, duration, share } from './format.js'
import { scoreTable } from './scores.js'
import { isTerminal, plainScreen, type Screen, terminalScreen } from './screen.js'
import type { Streams } from './streams.js'

export interface Progress {
  readonly report: Report
  /** A line besides the run's own events. */
  note(text: string): void
  /** The tables of results, and what to type next. */
  finish(result: TrainResult, next: readonly string[]): void
}

type EventOf<K extends TrainEvent['kind']> = Extract<TrainEvent, { readonly kind: K }>
type Handlers = { readonly [K in TrainEvent['kind']]: (event: EventOf<K>) => void }

export function createProgress(
  streams: Streams,
  { json, quiet }: { readonly json: boolean; readonly quiet: boolean },
): Progress {
  if (json) return jsonProgress(streams)
  return quiet ? quietProgress(streams) : shownProgress(streams)
}

function jsonProgress({ out, err }: Streams): Progress {
  const write = (value: object) => {
    out.write(`${JSON.stringify(value)}\n`)
  }
  return {
    report: write,
    note: (text) => {
      err.write(`${text}\n`)
    },
    finish: (result) => write({ kind: 'result', ...result }),
  }
}

function quietProgress({ out }: Streams): Progress {
  return { report: () => {}, note: () => {}, finish: (result) => writeTables(out, result) }
}

function shownProgress({ out, err }: Streams): Progress {
  const terminal = isTerminal(err)
  const screen = terminal ? terminalScreen(err) : plainScreen(err)
  const live = terminal ? everyStatus(screen) : thinned(screen)
  const handlers = handlersFor(screen, live)
  return {
    report: <K extends TrainEvent['kind']>(event: EventOf<K>) =>
      (handlers[event.kind] as (event: EventOf<K>) => void)(event),
    note: (text) => screen.line(text),
    finish: (result, next) => {
      live.end()
      writeTables(out, result)
      for (const line of next) screen.aside(line)
    },
  }
}

function writeTables(out: NodeJS.WriteStream, { scores }: TrainResult): void {
  const tables = Object.entries(scores).map(([split, rows]) => scoreTable(split, rows))
  if (tables.length > 0) out.write(tables.join('\n'))
}

/** The line about steps, and how often it is written. */
interface Live {
  begin(totalSteps: number): void
  step(text: string): void
  evaluating(split: string, done: number, total: number): void
  /** Writes what was held back. */
  end(): void
}

function everyStatus(screen: Screen): Live {
  return {
    begin: () => {},
    step: (text) => screen.status(text),
    evaluating: (split, done, total) =>
      screen.status(`answering ${split}: ${count(done)} of ${count(total)} questions`),
    end: () => screen.keep(),
  }
}

/** Without a terminal, so many lines a run at most, and so long between two. */
const mostLines = 100
const leastMs = 2000

function thinned(screen: Screen, clock: () => number = Date.now): Live {
  let held: string | undefined
  let between = 1
  let since = Number.POSITIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY
  let evaluated = ''
  const write = (text: string) => {
    screen.line(text)
    held = undefined
    since = 0
    last = clock()
  }
  const end = () => {
    if (held !== undefined) write(held)
  }
  return {
    begin: (totalSteps) => {
      between = Math.ceil(totalSteps / mostLines)
    },
    step: (text) => {
      since++
      held = text
      evaluated = ''
      if (since >= between && clock() - last >= leastMs) write(text)
    },
    evaluating: (split, _, total) => {
      if (evaluated === split) return
      end()
      evaluated = split
      screen.line(`answering ${split}: ${count(total)} questions`)
    },
    end,
  }
}

function handlersFor(screen: Screen, live: Live): Handlers {
  let run: EventOf<'start'> | undefined
  return {
    start: (event) => {
      run = event
      live.begin(event.totalSteps - event.step)
      for (const line of startLines(event)) screen.line(line)
    },
    step: (event) => live.step(stepLine(event, run)),
    evaluating: ({ split, done, total }) => live.evaluating(split, done, total),
    evaluation: ({ split, step, rows, best }) => {
      live.end()
      const score = rows[0] ? `${rows[0].score.toFixed(2)} %` : 'nothing to compare with'
      screen.line(`${split} after step ${count(step)}: ${score}${best ? ' (best so far)' : ''}`)
    },
    checkpoint: () => {},
    note: ({ text }) => screen.aside(text),
  }
}

function startLines({ config, trained, parameters, samples, totalSteps, step, folder }: EventOf<'start'>) {
  const splits = Object.entries(samples).map(([split, size]) => `${count(size)} ${split}`)
  return [
    `${config.task} by ${config.method}: ${share(trained, parameters)} parameters train`,
    `${splits.join(', ')} samples; ${count(totalSteps)} steps of ${count(config.batchSize)}`,
    step > 0 ? `going on after step ${count(step)} in ${folder}` : `into ${folder}`,
  ]
}

function stepLine(event: EventOf<'step'>, run: EventOf<'start'> | undefined): string {
  const { step, epoch, loss, samplesPerSecond, secondsLeft, peakBytes } = event
  return [
    `epoch ${epoch.toFixed(2)}${run ? `/${run.config.epochs}` : ''}`,
    `step ${count(step)}${run ? `/${count(run.totalSteps)}` : ''}`,
    `loss ${loss.toFixed(4)}`,
    `${samplesPerSecond.toFixed(samplesPerSecond < 10 ? 1 : 0)} samples/s`,
    `${duration(secondsLeft)} left`,
    `peak ${humanBytes(peakBytes)}`,
  ].join(' · ')
}
