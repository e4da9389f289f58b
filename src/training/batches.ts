/** The batches of a run, step by step. */
import { type Batch, epochOrder, stepTotals } from '../tasks/index.js'
import type { TrainConfig } from './config.js'
import { collatePart, encodeStep, type RunData, type SpecialTokens } from './data.js'
import type { WorkerGroup } from './workers/group.js'

/** What a worker does of a step. */
export interface StepShare {
  /** Its samples in order, cut into as many parts as gradients are accumulated over; none where it has no share. */
  readonly parts: readonly Batch[]
  /** Place of its first sample in the step's batch. */
  readonly firstRow: number
  /** Of the whole step. */
  readonly samples: number
}

/** Epochs and steps count from 0. */
export class StepBatches {
  readonly stepsPerEpoch: number
  /** Of the whole run. */
  readonly totalSteps: number
  readonly #config: TrainConfig
  readonly #data: RunData
  readonly #special: SpecialTokens
  readonly #worker: Pick<WorkerGroup, 'rank' | 'size'>
  #upcoming: { readonly step: number; readonly share: Promise<StepShare> } | undefined
  #order: { readonly epoch: number; readonly indices: Uint32Array } | undefined

  constructor(
    config: TrainConfig,
    data: RunData,
    special: SpecialTokens,
    worker: Pick<WorkerGroup, 'rank' | 'size'>,
  ) {
    this.#worker = worker
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

  /** This worker's share of a step. The next step's is made meanwhile. */
  async take(step: number): Promise<StepShare> {
    const share = await (this.#upcoming?.step === step ? this.#upcoming.share : this.#share(step))
    this.#upcoming = step + 1 < this.totalSteps ? { step: step + 1, share: this.#share(step + 1) } : undefined
    this.#upcoming?.share.catch(() => undefined) // told when its step comes
    return share
  }

  /** Every worker encodes the whole step, which is little work, and knows its longest row and its denominators. */
  async #share(step: number): Promise<StepShare> {
    const { accumulate, batchSize, seed } = this.#config
    const { rank, size } = this.#worker
    const [epoch, first] = [this.epochOf(step), (step % this.stepsPerEpoch) * batchSize]
    const order = this.#orderOf(epoch).subarray(first, first + batchSize)
    const samples = encodeStep(this.#data, order, { seed, epoch }, this.#special)
    const totals = stepTotals(samples, this.#special)
    const border = (of: number) => Math.floor((samples.length * of) / size)
    const [firstRow, end] = [border(rank), border(rank + 1)]
    const most = Math.ceil((end - firstRow) / accumulate)
    const parts: Promise<Batch>[] = []
    for (let row = firstRow; row < end; row += most) {
      const some = samples.slice(row, Math.min(row + most, end))
      parts.push(collatePart(this.#data, some, this.#special, totals))
    }
    return { parts: await Promise.all(parts), firstRow, samples: samples.length }
  }

  #orderOf(epoch: number): Uint32Array {
    if (this.#order?.epoch !== epoch) {
      const { length } = this.#data.splits.train!
      this.#order = { epoch, indices: epochOrder(length, this.#config.seed, epoch) }
    }
    return this.#order.indices
  }
}
