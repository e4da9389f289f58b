/** A training run from its first step to its report. */
import { basename } from 'node:path'
import type { ScoreRow } from '../metrics/index.js'
import { processMemory, type Runtime } from '../runtime/index.js'
import { StepBatches } from './batches.js'
import {
  checkpointName,
  type LoadedCheckpoint,
  loadCheckpoint,
  loadLastCheckpoint,
  type RunState,
} from './checkpoint.js'
import type { TrainConfig } from './config.js'
import type { RunData } from './data.js'
import { type Scored, scoreSplit } from './evaluate.js'
import type { Report, StepRecord, TrainResult } from './events.js'
import { MetricsLog, trimMetrics } from './metricsLog.js'
import { Pace } from './pace.js'
import { Predictor, specialTokens } from './predictor.js'
import type { Prepared } from './prepare.js'
import { pointAt, type RunFolder, writeConfig, writePredictions, writeReport } from './runFolder.js'
import { tidyCheckpoints } from './saveCheckpoint.js'
import { checkpointContent, trainedWeights, versions } from './saved.js'
import { type SavedState, Saver } from './saver.js'
import { learningRateOf } from './schedule.js'
import { startEvent } from './startEvent.js'
import { textNotes } from './textNotes.js'
import { scheduledInputs } from './trainedRun.js'
import type { Trainer } from './trainer.js'
import type { WorkerGroup } from './workers/group.js'
import { Interruption, throwIfInterrupted } from './workers/together.js'

export interface TrainOptions {
  /** A new folder; `runs/DATE-TASK-METHOD` by default. */
  readonly output?: string
  /** A run to go on with, or the newest. */
  readonly resume?: string | true
  readonly cache: string
  /** What was typed, for the report. */
  readonly command: string
  readonly report: Report
  /** Told the same in every worker, where `report` is told by the first. */
  readonly follow?: Report
  /** The best that this machine has, by default. */
  readonly runtime?: Runtime
  /** Ends the run after the step that is under way, with its state saved: the one of any worker ends all. */
  readonly signal: AbortSignal
  /** Who trains together; one worker alone by default. The first writes and reports, the others only work. */
  readonly group?: WorkerGroup
  /** The cache has all that is made once already: no worker waits for the first to make it. */
  readonly isCached?: boolean
}

/** Where a run stands between two steps. */
export class Run {
  readonly #config: TrainConfig
  readonly #options: TrainOptions & { readonly group: WorkerGroup }
  readonly #prepared: Prepared & { readonly data: RunData }
  readonly #folder: RunFolder
  readonly #trainer: Trainer
  readonly #runtime: Runtime
  #predictor: Predictor | undefined
  readonly #batches: StepBatches
  readonly #group: WorkerGroup
  /** Whether this worker writes the run's files, and alone knows which weights were best. */
  readonly #isFirst: boolean
  readonly #saver: Saver
  readonly #metrics: MetricsLog
  #state: SavedState = { step: 0, evaluated: 0, best: null, seconds: 0 }
  /** Better than the best whose checkpoint is whole, and not saved yet. */
  #better: { readonly best: NonNullable<RunState['best']>; readonly scored: Scored } | undefined

  constructor(
    config: TrainConfig,
    options: TrainOptions & { readonly group: WorkerGroup },
    prepared: Prepared & { readonly data: RunData },
    folder: RunFolder,
    trainer: Trainer,
    runtime: Runtime,
  ) {
    this.#config = config
    this.#options = options
    this.#prepared = prepared
    this.#folder = folder
    this.#trainer = trainer
    this.#runtime = runtime
    this.#group = options.group
    this.#isFirst = options.group.rank === 0
    this.#batches = new StepBatches(config, prepared.data, specialTokens(prepared.spec), options.group)
    this.#saver = new Saver(folder, {
      keep: config.keep,
      report: options.report,
      contentOf: async (state) => {
        await trainer.parameters.fetch()
        return checkpointContent(config, prepared, trainer, state)
      },
      onSaved: ({ best }) => {
        if (best === this.#better?.best) this.#bestScored = this.#better?.scored
        this.#state = { ...this.#state, best }
      },
    })
    this.#metrics = new MetricsLog(folder, ({ message }) =>
      this.#say(`${message}; training goes on, and its lines wait for room`),
    )
  }

  #say(text: string): void {
    this.#options.report({ kind: 'note', text })
  }

  async go(): Promise<TrainResult> {
    if (this.#options.resume !== undefined) await this.#restore()
    else if (this.#isFirst) writeConfig(this.#folder, this.#config, versions())
    this.#start()
    try {
      await this.#steps()
      if (this.#isFirst) await this.#saveNow()
      const scores = await this.#finish()
      return { folder: this.#folder.path, outcome: 'finished', step: this.#state.step, scores }
    } catch (error) {
      if (!(error instanceof Interruption)) throw error
      if (this.#isFirst) await this.#saveNow()
      return { folder: this.#folder.path, outcome: 'interrupted', step: this.#state.step, scores: {} }
    } finally {
      await this.#saver.idle()
    }
  }

  /** The trained parameters as a checkpoint has them, to be pushed. */
  #load(loaded: LoadedCheckpoint): void {
    const weights = trainedWeights(loaded, this.#config, this.#prepared)
    for (const [name, { value }] of this.#trainer.parameters.parameters)
      value.floats.set(weights.readFloat32(name))
  }

  /** All workers go on from the checkpoint that the first one finds. */
  async #restore(): Promise<void> {
    if (this.#isFirst) await tidyCheckpoints(this.#folder.checkpoints)
    const say = (text: string) => this.#say(text)
    const found = this.#isFirst ? loadLastCheckpoint(this.#folder.checkpoints, say) : undefined
    const [path] = (await this.#group.exchange(found?.path ?? '')) as [string]
    const loaded = found ?? loadCheckpoint(path)
    const { state, optimizer } = loaded
    this.#load(loaded)
    this.#trainer.optimizer.restore(
      (name) => optimizer.readFloat32(name),
      new Map(Object.entries(state.counts)),
    )
    await this.#trainer.parameters.push()
    const { counts: _, ...rest } = state
    this.#state = rest
    if (!this.#isFirst) return
    this.#saver.step = state.step
    await pointAt(this.#folder, 'last', path)
    await pointAt(this.#folder, 'best', state.best ? checkpointName(state.best.step) : undefined)
    trimMetrics(this.#folder, state.step)
  }

  #start(): void {
    const { data } = this.#prepared
    const at = { totalSteps: this.#batches.totalSteps, step: this.#state.step }
    this.#options.report(startEvent(this.#folder.path, this.#config, this.#prepared, this.#trainer, at))
    if (this.#options.resume !== undefined) return
    for (const text of textNotes(data.task, Object.values(data.splits).flat(), data.tokenizer))
      this.#say(text)
  }

  /** Steps, evaluates and saves until the last step. @throws {Interruption} the run is to end */
  async #steps(): Promise<void> {
    const { totalSteps, stepsPerEpoch } = this.#batches
    const pace = new Pace(totalSteps)
    const startSeconds = this.#state.seconds
    while (true) {
      const { step, evaluated } = this.#state
      await throwIfInterrupted(this.#group, this.#options.signal)
      if (step > evaluated && this.#due(this.#config.evalEvery)) await pace.pause(() => this.#evaluate())
      if (this.#isFirst && step > 0 && this.#due(this.#config.saveEvery)) await this.#save()
      if (step >= totalSteps) return
      const { loss, gradientNorm, samples, learningRate } = await this.#step(step)
      pace.step(samples)
      const seconds = startSeconds + pace.seconds
      this.#state = { ...this.#state, step: step + 1, epoch: this.#batches.epochOf(step), seconds }
      this.#tell({
        ...{ step: step + 1, epoch: (step + 1) / stepsPerEpoch, loss, learningRate, gradientNorm },
        ...{ samplesPerSecond: pace.samplesPerSecond, secondsLeft: pace.secondsLeft(step + 1) },
        peakBytes: processMemory().peakBytes,
      })
    }
  }

  #tell(record: StepRecord): void {
    if (this.#isFirst) this.#metrics.append(record)
    this.#options.report({ kind: 'step', ...record })
  }

  #due(every: number | 'epoch'): boolean {
    const { totalSteps, stepsPerEpoch } = this.#batches
    const { step } = this.#state
    return step === totalSteps || step % (every === 'epoch' ? stepsPerEpoch : every) === 0
  }

  /** One optimizer step over the samples that belong to it, of which this worker sees its share. */
  async #step(step: number) {
    const scalars = scheduledInputs(this.#prepared.spec, this.#config, this.#batches.epochOf(step))
    const { parts, samples, ...share } = await this.#batches.take(step)
    let [own, firstRow] = [0, share.firstRow]
    for (const batch of parts) {
      own += await this.#trainer.backward(batch, { step, firstRow, samples }, scalars)
      firstRow += batch.batch
    }
    const loss = (await this.#group.exchange(own)).reduce((sum, of) => sum + of, 0)
    const learningRate = learningRateOf(this.#config, step, this.#batches.totalSteps)
    if (!this.#trainer.parameters.isOnDevice) this.#saver.detach()
    return { loss, gradientNorm: await this.#trainer.update(learningRate), samples, learningRate }
  }

  /** What the best weights answered on the validation split, unless that was before a resumption. */
  #bestScored: Scored | undefined

  /** Answers a split with the weights of a step and scores the answers. */
  async #score(split: string, step: number): Promise<Scored> {
    const { data, spec } = this.#prepared
    this.#predictor ??= await Predictor.create({
      ...{ spec, weights: this.#prepared.backbone.weights, runtime: this.#runtime },
      ...(this.#config.threads === null ? {} : { threads: this.#config.threads }),
    })
    return await scoreSplit(this.#predictor, data, split, {
      values: this.#trainer.values,
      scalars: scheduledInputs(spec, this.#config, this.#batches.epochOf(Math.max(0, step - 1))),
      ...{ signal: this.#options.signal, group: this.#group, report: this.#options.report },
    })
  }

  /** Scores the validation split; the best weights so far are saved, and then pointed at. */
  async #evaluate(): Promise<void> {
    const scored = await this.#score('validation', this.#state.step)
    this.#state = { ...this.#state, evaluated: this.#state.step }
    if (!this.#isFirst) return
    await this.#saver.settled() // the best is one whose checkpoint is whole
    const { rows } = scored
    const score = rows[0]?.score ?? 0
    const best = this.#state.best === null || score > this.#state.best.score
    const { step } = this.#state
    this.#saver.step = undefined // a checkpoint of this step does not know its score yet
    if (best) {
      this.#better = { best: { score, step }, scored }
      await this.#save()
    }
    this.#options.report({ kind: 'evaluation', split: 'validation', step, rows, best })
  }

  /** The state as a checkpoint of it has it. */
  #stateToSave(): SavedState {
    const { best } = this.#better ?? {}
    return { ...this.#state, ...(best?.step === this.#state.step ? { best } : {}) }
  }

  async #save(): Promise<void> {
    await this.#saver.save(this.#state.step, () => this.#stateToSave())
  }

  /** What there is, for certain. @throws {UserError} the disk does not take it */
  async #saveNow(): Promise<void> {
    await this.#saver.saveNow(this.#state.step, () => this.#stateToSave())
    this.#metrics.flush()
  }

  /** Scores every split but the training one with the best weights, and writes answers and report. */
  async #finish(): Promise<Record<string, readonly ScoreRow[]>> {
    const known = { best: this.#state.best, isScored: this.#bestScored !== undefined }
    const [{ best, isScored }] = (await this.#group.exchange(known)) as [typeof known]
    if (best && best.step !== this.#state.step) {
      this.#load(loadCheckpoint(`${this.#folder.checkpoints}/${checkpointName(best.step)}`))
      await this.#trainer.parameters.push()
    }
    const scores: Record<string, readonly ScoreRow[]> = {}
    for (const split of Object.keys(this.#prepared.data.splits).filter((name) => name !== 'train')) {
      const scored =
        split === 'validation' && isScored
          ? this.#bestScored
          : await this.#score(split, best?.step ?? this.#state.step)
      if (!scored || !this.#isFirst) continue
      const { rows, submission } = scored
      scores[split] = rows
      writePredictions(this.#folder, split, submission)
      this.#options.report({
        kind: 'evaluation',
        split,
        step: best?.step ?? this.#state.step,
        rows,
        best: true,
      })
    }
    if (this.#isFirst) writeReport(this.#folder, scores, this.#about())
    return (await this.#group.exchange(scores))[0]!
  }

  /** Idempotent. */
  close(): void {
    this.#predictor?.close()
  }

  #about(): Record<string, string> {
    return {
      command: `\`${this.#options.command}\``,
      run: basename(this.#folder.path),
      ...(this.#group.size > 1 ? { workers: String(this.#group.size) } : {}),
      steps: `${this.#state.step}, best ${this.#state.best?.step ?? 'none'}`,
      'training time': `${(this.#state.seconds / 60).toFixed(1)} minutes`,
      'peak memory': `${Math.round(processMemory().peakBytes / 2 ** 20)} MB`,
      ...versions(),
    }
  }
}
