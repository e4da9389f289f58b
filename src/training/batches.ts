/** The batches of a run, step by step. */
import { type Batch, epochOrder, stepTotals } from '../tasks/index.js'
import type { TrainConfig } from './config.js'
import { collatePart, encodeStep, type RunData, type SpecialTokens } from './data.js'
import { divideStep } from './division.js'
import type { WorkerGroup } from './workers/group.js'

/** What a worker does of a step. */
export interface StepShare {
  /** Its samples, in as many parts as gradients are accumulated over; none where it has no share. */
  readonly parts: readonly Batch[]
  /** Of its first sample among the step's rows. */
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

  /** Every worker encodes the whole step, which is little work, and knows its denominators and what others take. */
  async #share(step: number): Promise<StepShare> {
    const { accumulate, batchSize, dropout, seed } = this.#config
    const { rank, size: workers } = this.#worker
    const [epoch, first] = [this.epochOf(step), (step % this.stepsPerEpoch) * batchSize]
    const order = this.#orderOf(epoch).subarray(first, first + batchSize)
    const samples = encodeStep(this.#data, order, { seed, epoch })
    const totals = stepTotals(samples, this.#special)
    const shares = divideStep(samples, {
      ...{ workers, accumulate, pad: this.#special.pad, drops: dropout > 0 },
      columns: (samples[0]?.pictures.length ?? 0) * (this.#data.features?.positions ?? 0),
    })
    const parts = shares[rank]!.map((part) => collatePart(this.#data, part, this.#special, totals))
    const firstRow = shares.slice(0, rank).flat(2).length
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
