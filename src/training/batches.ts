/** The batches of a run, step by step. */
import { type Batch, epochOrder, stepTotals } from '../tasks/index.js'
import type { TrainConfig } from './config.js'
import { collatePart, encodeStep, type RunData, type SpecialTokens } from './data.js'

/** Epochs and steps count from 0. */
export class StepBatches {
  readonly stepsPerEpoch: number
  /** Of the whole run. */
  readonly totalSteps: number
  readonly #config: TrainConfig
  readonly #data: RunData
  readonly #special: SpecialTokens
  #upcoming: { readonly step: number; readonly parts: Promise<readonly Batch[]> } | undefined
  #order: { readonly epoch: number; readonly indices: Uint32Array } | undefined

  constructor(config: TrainConfig, data: RunData, special: SpecialTokens) {
    this.#config = config
    this.#data = data
    this.#special = special
    this.stepsPerEpoch = Math.ceil(data.splits.train!.length / config.batchSize)
    const planned = Math.max(1, Math.round(this.stepsPerEpoch * config.epochs))
    this.totalSteps = Math.min(planned, config.maxSteps ?? planned)
  }

  epochOf(step: number): number {
    return Math.floor(step / this.stepsPerEpoch)
  }

  /**
   * The batches of a step: its samples in order, cut into as many parts as gradients are accumulated over. The next
   * step's are made meanwhile.
   */
  async take(step: number): Promise<readonly Batch[]> {
    const parts = await (this.#upcoming?.step === step ? this.#upcoming.parts : this.#parts(step))
    this.#upcoming = step + 1 < this.totalSteps ? { step: step + 1, parts: this.#parts(step + 1) } : undefined
    this.#upcoming?.parts.catch(() => undefined) // told when its step comes
    return parts
  }

  async #parts(step: number): Promise<readonly Batch[]> {
    const { accumulate, batchSize, seed } = this.#config
    const [epoch, first] = [this.epochOf(step), (step % this.stepsPerEpoch) * batchSize]
    const order = this.#orderOf(epoch).subarray(first, first + batchSize)
    const samples = encodeStep(this.#data, order, { seed, epoch }, this.#special)
    const totals = stepTotals(samples, this.#special)
    const size = Math.ceil(samples.length / accumulate)
    const starts = Array.from({ length: Math.ceil(samples.length / size) }, (_, part) => part * size)
    return await Promise.all(
      starts.map((start) =>
        collatePart(this.#data, samples.slice(start, start + size), this.#special, totals),
      ),
    )
  }

  #orderOf(epoch: number): Uint32Array {
    if (this.#order?.epoch !== epoch) {
      const { length } = this.#data.splits.train!
      this.#order = { epoch, indices: epochOrder(length, this.#config.seed, epoch) }
    }
    return this.#order.indices
  }
}
