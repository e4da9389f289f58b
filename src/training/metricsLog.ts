/** `metrics.jsonl`: one line a step. */
import { appendFileSync, existsSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../base/index.js'
import { cannotWrite, writeWhole } from '../files/index.js'
import type { StepRecord } from './events.js'
import type { RunFolder } from './runFolder.js'

export const metricsFile = 'metrics.jsonl'

/** Lines that the disk did not take wait for the next one. */
export class MetricsLog {
  readonly #file: string
  readonly #onFailed: (error: UserError) => void
  #waiting = ''
  #failed = false

  /** @param onFailed told once when lines begin to wait; training need not end for it */
  constructor({ path }: RunFolder, onFailed: (error: UserError) => void) {
    this.#file = join(path, metricsFile)
    this.#onFailed = onFailed
  }

  append(record: StepRecord): void {
    this.#waiting += `${JSON.stringify(record)}\n`
    try {
      this.flush()
      this.#failed = false
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      if (!this.#failed) this.#onFailed(error)
      this.#failed = true
    }
  }

  /** Writes the lines that wait. @throws {UserError} the disk does not take them; they go on waiting */
  flush(): void {
    if (this.#waiting === '') return
    const status = statSync(this.#file, { throwIfNoEntry: false })
    try {
      appendFileSync(this.#file, this.#waiting)
      this.#waiting = ''
    } catch (error) {
      if (existsSync(this.#file) && (!status || status.isFile())) truncateSync(this.#file, status?.size ?? 0)
      throw cannotWrite(error, this.#file, 'make room')
    }
  }
}

/** Drops the lines of steps that a resumed run does again, and what a killed run wrote by half. */
export function trimMetrics(run: RunFolder, step: number): void {
  const file = join(run.path, metricsFile)
  if (!existsSync(file)) return
  const lines = readFileSync(file, 'utf8').split('\n')
  const end = lines.findIndex((line) => !(Number(/^\{"step":(\d+),.*\}$/.exec(line)?.[1]) <= step))
  const kept = end < 0 ? lines : lines.slice(0, end)
  writeWhole(file, kept.map((line) => `${line}\n`).join(''), 'make room or put the run on another disk')
}
