/** Checkpoints that are written beside training. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../base/index.js'
import { type Disk, disk, forceToDisk } from '../files/index.js'
import type { CheckpointContent, RunState } from './checkpoint.js'
import type { Report } from './events.js'
import { metricsFile } from './metricsLog.js'
import { pointAt, type RunFolder } from './runFolder.js'
import { pruneCheckpoints, saveCheckpoint } from './saveCheckpoint.js'
import { noteOnExtra } from './saved.js'
import { Snapshot } from './snapshot.js'

export type SavedState = Omit<RunState, 'counts'>

export interface SaverOptions {
  /** How many checkpoints stay, besides the best. */
  readonly keep: number
  /** What a checkpoint of this state holds now; its tensors are read where they lie until {@link Saver.detach}. */
  contentOf(state: SavedState): Promise<CheckpointContent>
  /** The checkpoint of this state is whole, and pointed at. */
  onSaved(state: SavedState): void
  readonly report: Report
  readonly disk?: Disk
}

/**
 * One save at a time, once a step. `last` and `best` point only at checkpoints that are whole. What the disk does not
 * take is said, and saved the next time that a save is due.
 */
export class Saver {
  readonly #run: RunFolder
  readonly #options: SaverOptions
  readonly #copies: Uint8Array[] = []
  #snapshot: Snapshot | undefined
  #underWay: Promise<unknown> = Promise.resolve()
  /** The step that was saved last, or is being saved. */
  #step: number | undefined
  /** What was said about the files of its checkpoints. */
  #note: string | undefined

  constructor(run: RunFolder, options: SaverOptions) {
    this.#run = run
    this.#options = options
  }

  /** A whole checkpoint has this step as it is now; `undefined`: none has. */
  set step(step: number | undefined) {
    this.#step = step
  }

  /**
   * Begins to save, when the save before has ended.
   *
   * @param stateOf asked for the state when it begins
   */
  async save(step: number, stateOf: () => SavedState): Promise<void> {
    await this.#begin(step, stateOf, ({ message }) =>
      this.#say(`${message}; training goes on, and the next checkpoint is tried as usual`),
    )
  }

  /** Saves for certain, at the end of a run. @throws {UserError} the disk does not take it */
  async saveNow(step: number, stateOf: () => SavedState): Promise<void> {
    await this.settled()
    await this.#begin(step, stateOf, () => undefined)
    const failure = await this.settled()
    if (failure) throw failure
  }

  /** To be called before the tensors change. */
  detach(): void {
    this.#snapshot?.detach()
  }

  /**
   * Waits for the save that is under way.
   *
   * @returns why the last save failed, if it did
   * @throws {Error} what is no fault of the disk
   */
  async settled(): Promise<UserError | undefined> {
    const failure = await this.#underWay
    if (failure === undefined) return undefined
    this.#step = undefined
    if (failure instanceof UserError) return failure
    throw failure
  }

  /** Waits, whatever comes of it: at the end of a run that failed by itself. */
  async idle(): Promise<void> {
    await this.#underWay
  }

  async #begin(step: number, stateOf: () => SavedState, onFailed: (error: UserError) => void): Promise<void> {
    if (this.#step === step) return
    await this.settled()
    const state = stateOf()
    const content = await this.#options.contentOf(state)
    this.#sayOnce(noteOnExtra(content))
    this.#step = step
    this.#snapshot = new Snapshot(this.#copies)
    this.#underWay = this.#save(snapshotOf(content, this.#snapshot), state).catch((error: unknown) => {
      if (error instanceof UserError) onFailed(error)
      return error
    })
  }

  async #save(content: CheckpointContent, state: SavedState): Promise<undefined> {
    const { disk: on = disk, keep, onSaved, report } = this.#options
    const { checkpoints } = this.#run
    const { step, best } = state
    const metrics = join(this.#run.path, metricsFile)
    if (existsSync(metrics)) await forceToDisk(on, metrics) // not yet there before the first step
    const path = await saveCheckpoint(checkpoints, content, on)
    await pointAt(this.#run, 'last', path, on)
    if (best?.step === step) await pointAt(this.#run, 'best', path, on)
    await pruneCheckpoints(checkpoints, { keep, step, best: best?.step }, on)
    onSaved(state)
    report({ kind: 'checkpoint', step, path })
  }

  #sayOnce(note: string | undefined): void {
    if (note !== undefined && this.#note !== note) this.#say(note)
    this.#note = note
  }

  #say(text: string): void {
    this.#options.report({ kind: 'note', text })
  }
}

function snapshotOf(content: CheckpointContent, snapshot: Snapshot): CheckpointContent {
  const all = (tensors: CheckpointContent['optimizer']) => tensors.map((tensor) => snapshot.of(tensor))
  return {
    ...content,
    weights: { ...content.weights, tensors: all(content.weights.tensors) },
    ...(content.extra ? { extra: all(content.extra) } : {}),
    optimizer: all(content.optimizer),
  }
}
