/** Answers of a split and their scores: while a run trains, and afterwards. */
import { UserError } from '../base/index.js'
import type { ScoreRow } from '../metrics/index.js'
import type { RunTensors } from '../runtime/index.js'
import { openData, type RunData } from './data.js'
import type { Report } from './events.js'
import type { Predictor } from './predictor.js'
import { writePredictions } from './runFolder.js'
import { inWordsOfRun, openTrainedRun, type TrainedRun, type TrainedRunOptions } from './trainedRun.js'
import type { WorkerGroup } from './workers/group.js'

export interface Scored {
  readonly rows: readonly ScoreRow[]
  /** The answers in the task's official format. */
  readonly submission: Uint8Array
}

/** @param options.values the trained parameters by name, where the predictor's weights have none */
export async function scoreSplit(
  predictor: Predictor,
  data: RunData,
  split: string,
  options: {
    readonly values?: RunTensors
    readonly scalars: Readonly<Record<string, number>>
    readonly signal?: AbortSignal
    readonly group?: WorkerGroup
    readonly report: Report
  },
): Promise<Scored> {
  const samples = data.splits[split]!
  const { noun } = data.task
  const { values = {}, report, ...rest } = options
  const answers = await predictor.answer(data, samples, values, {
    ...rest,
    onProgress: (done) => report({ kind: 'evaluating', split, noun, done, total: samples.length }),
  })
  return { rows: data.task.score(samples, answers), submission: data.task.submission(samples, answers) }
}

export interface EvaluateOptions extends TrainedRunOptions {
  /** `test` by default, `validation` where there is none. */
  readonly split?: string
  readonly report: Report
}

export interface EvaluateResult {
  /** The run's. */
  readonly folder: string
  /** The step that the weights are of. */
  readonly step: number
  readonly scores: Readonly<Record<string, readonly ScoreRow[]>>
  /** The file that the answers were written to. */
  readonly predictions: string
}

/**
 * Scores a split of a run's data set with a checkpoint of it, and writes the answers into the run's folder.
 *
 * @throws {UserError} no run or checkpoint, an unknown split, a backbone or data set that is no longer there
 */
export async function evaluate(path: string, options: EvaluateOptions): Promise<EvaluateResult> {
  const run = await openTrainedRun(path, options)
  try {
    const { data, split } = await openSplit(run, options)
    const { rows, submission } = await scoreSplit(run.predictor, data, split, {
      scalars: run.scalars,
      report: options.report,
    })
    const predictions = writePredictions(run.folder, split, submission)
    options.report({ kind: 'evaluation', split, step: run.step, rows, best: false })
    return { folder: run.folder.path, step: run.step, scores: { [split]: rows }, predictions }
  } finally {
    run.close()
  }
}

async function openSplit(
  { folder, config, ...prepared }: TrainedRun,
  { split, cache, report }: EvaluateOptions,
): Promise<{ readonly data: RunData; readonly split: string }> {
  const choose = (names: readonly string[]) => {
    const chosen = split ?? (names.includes('test') ? 'test' : 'validation')
    if (names.includes(chosen)) return [chosen]
    throw new UserError(`--split ${chosen}: ${config.dataset} has ${names.join(', ')}: choose one of them`)
  }
  try {
    const data = await openData(config, prepared, { cache, report, choose })
    return { data, split: Object.keys(data.splits)[0]! }
  } catch (error) {
    throw inWordsOfRun(folder, error)
  }
}
