/** What a training run shows while it runs: a table of ways to show it, one of which is chosen. */
import { humanBytes } from '../base/index.js'
import type { Report, TrainEvent, TrainResult } from '../training/index.js'
import { count, duration, share } from './format.js'
import type { Typed } from './given.js'
import { everyStatus, type Live, thinned } from './live.js'
import { scoreTable } from './scores.js'
import { isTerminal, plainScreen, type Screen, terminalScreen } from './screen.js'
import type { Streams } from './streams.js'

export interface Progress {
  readonly report: Report
  /** A line besides the run's own events. */
  note(text: string): void
  /** Shows what was held back; nothing more is reported. Idempotent. */
  end(): void
  /** The tables of results, and what to type next. */
  finish(result: Scores, next: readonly string[]): void
}

/** What a command ends with; besides scores whatever it has to say. */
type Scores = Pick<TrainResult, 'scores'>

type EventOf<K extends TrainEvent['kind']> = Extract<TrainEvent, { readonly kind: K }>
type Handlers = { readonly [K in TrainEvent['kind']]: (event: EventOf<K>) => void }

export function createProgress(
  streams: Streams,
  { json, quiet }: { readonly json: boolean; readonly quiet: boolean },
): Progress {
  if (json) return jsonProgress(streams)
  return quiet ? quietProgress(streams) : shownProgress(streams)
}

/** As `--json` and `--quiet` were typed. */
export function progressOf(typed: Typed, streams: Streams): Progress {
  return createProgress(streams, { json: typed.json === true, quiet: typed.quiet === true })
}

/** Of a worker beside the one that tells. */
export function silentProgress(): Progress {
  return { report: () => {}, note: () => {}, end: () => {}, finish: () => {} }
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
    end: () => {},
    finish: (result) => write({ kind: 'result', ...result }),
  }
}

function quietProgress({ out }: Streams): Progress {
  return { ...silentProgress(), finish: (result) => writeTables(out, result) }
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
    end: live.end,
    finish: (result, next) => {
      writeTables(out, result)
      for (const line of next) screen.aside(line)
    },
  }
}

function writeTables(out: NodeJS.WriteStream, { scores }: Scores): void {
  const tables = Object.entries(scores).map(([split, rows]) => scoreTable(split, rows))
  if (tables.length > 0) out.write(tables.join('\n'))
}

function handlersFor(screen: Screen, live: Live): Handlers {
  let run: EventOf<'start'> | undefined
  const evaluations = new Set<string>()
  return {
    start: (event) => {
      run = event
      live.begin(event.totalSteps - event.step)
      for (const line of startLines(event)) screen.line(line)
    },
    step: (event) => live.step(stepLine(event, run)),
    preparing: ({ what, done, total }) => live.working(what, done, total, ''),
    evaluating: ({ split, noun, done, total }) =>
      live.working(`answering ${split}`, done, total, ` ${noun}s`),
    evaluation: (event) => {
      live.evaluated()
      const line = evaluationLine(event)
      if (!evaluations.has(line)) screen.line(line) // the best weights are scored again at the end
      evaluations.add(line)
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

/** Only the split that chooses the best weights can have a best score. */
function evaluationLine({ split, step, rows, best }: EventOf<'evaluation'>): string {
  const score = rows[0] ? `${rows[0].score.toFixed(2)} %` : 'nothing to compare with'
  return `${split} after step ${count(step)}: ${score}${best && split === 'validation' ? ' (best so far)' : ''}`
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
