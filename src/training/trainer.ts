/**
 * One model in training: the gradient graph over a mapped backbone, the trained parameters, and their optimizer.
 */

import { UserError } from '../base/index.js'
import { gradientName } from '../models/index.js'
import { nativeRuntime, type Runtime, type Session, type Tensors } from '../runtime/index.js'
import type { Batch } from '../tasks/index.js'
import type { Checkpoint } from '../weights/index.js'
import { batchFeeds, dropoutFeeds, type StepPlace, scalarFeeds } from './feeds.js'
import { gradientGraph, type ModelSpec } from './graphs.js'
import {
  type Accumulator,
  clippingScale,
  createAccumulator,
  createNorm,
  type GradientNorm,
  type Optimizer,
  optimizers,
} from './optimizers/index.js'
import { ParameterStore, slabLengths } from './parameters.js'
import { openSession, startValues } from './weights.js'
import { soloGroup, type WorkerGroup } from './workers/group.js'

export interface TrainerOptions {
  readonly spec: ModelSpec
  /** The backbone's weights, float32; what it lacks starts by its initializer. */
  readonly weights: Checkpoint
  readonly optimizer: { readonly name: string; readonly options: Readonly<Record<string, number>> }
  /** Largest global norm of the gradients; ≤ 0: no clipping. */
  readonly maxGradNorm: number
  readonly seed: number
  readonly threads?: number
  readonly runtime?: Runtime
  readonly profilePrefix?: string
  /** Who else has a share of every step; nobody by default. */
  readonly group?: WorkerGroup
}

/** Names that never decay (reference: `bias` and torch's LayerNorm; T5's own norms do decay). */
const noDecay = /bias|LayerNorm\.weight/

export class Trainer {
  readonly parameters: ParameterStore
  readonly #options: TrainerOptions
  readonly #session: Session
  readonly #optimizer: Optimizer
  readonly #norm: GradientNorm
  readonly #accumulator: Accumulator
  readonly #without: ReadonlySet<string>
  readonly #fetches: Tensors
  readonly #values: Tensors
  readonly #group: WorkerGroup
  #parts = 0

  private constructor(
    options: TrainerOptions,
    parts: {
      store: ParameterStore
      session: Session
      optimizer: Optimizer
      norm: GradientNorm
      accumulator: Accumulator
    },
  ) {
    this.#options = options
    this.#group = options.group ?? soloGroup
    this.parameters = parts.store
    this.#session = parts.session
    this.#optimizer = parts.optimizer
    this.#norm = parts.norm
    this.#accumulator = parts.accumulator
    const all = [...parts.store.parameters.values()]
    const { inputs, outputs } = parts.session.graph
    this.#without = new Set(
      all.filter(({ name }) => !outputs.has(gradientName(name))).map(({ name }) => name),
    )
    this.#values = Object.fromEntries(
      all.filter(({ name }) => inputs.has(name)).map(({ name, value }) => [name, value]),
    )
    this.#fetches = Object.fromEntries(
      all
        .filter(({ name }) => outputs.has(gradientName(name)))
        .map(({ name, gradient }) => [gradientName(name), gradient]),
    )
  }

  /** @throws {UserError} an unknown optimizer or option */
  static async create(options: TrainerOptions): Promise<Trainer> {
    const { spec, weights, seed, threads, runtime = nativeRuntime } = options
    const built = gradientGraph(spec)
    const context = { runtime: runtime.host, ...(threads ? { threads } : {}) }
    const session = await openSession(built, weights, { ...options, runtime })
    const specs = built.parameters
      .filter(({ trained }) => trained)
      .map(({ name, shape }) => ({ name, shape, decays: !noDecay.test(name) }))
    const gradients = await (options.group ?? soloGroup).memory(slabLengths(specs))
    const store = new ParameterStore(specs, { gradients })
    startValues(store, built.parameters, weights, seed)
    const optimizer = await optimizers
      .get(options.optimizer.name)
      .create(store, options.optimizer.options, context)
    const norm = await createNorm(store, context)
    const accumulator = await createAccumulator(store, context)
    return new Trainer(options, { store, session, optimizer, norm, accumulator })
  }

  get optimizer(): Optimizer {
    return this.#optimizer
  }

  /**
   * Forward and backward of a part of a step's batch; gradients add up until the next {@link update}.
   *
   * @param scalars the method's scheduled inputs
   * @returns the part's share of the loss
   */
  async backward(
    batch: Batch,
    place: StepPlace,
    scalars: Readonly<Record<string, number>> = {},
  ): Promise<number> {
    const { seed, spec } = this.#options
    const feeds = {
      ...batchFeeds(batch),
      ...dropoutFeeds(spec, batch.batch, seed, place),
      ...scalarFeeds({ ...scalars, penaltyWeight: 1 / place.samples }),
    }
    const given = Object.fromEntries(
      Object.entries(feeds).filter(([name]) => this.#session.graph.inputs.has(name)),
    )
    if (this.#parts > 0) this.#accumulator.keep(this.#without)
    const { loss } = await this.#session.run({ ...given, ...this.#values }, this.#fetches)
    if (this.#parts > 0) await this.#accumulator.add(this.#without)
    this.#parts++
    const [value] = loss!.floats
    for (const tensor of Object.values(feeds)) tensor.release()
    loss!.release()
    if (!Number.isFinite(value)) {
      throw new UserError(
        `the loss became ${value} at step ${place.step}: lower --learning-rate or set --max-grad-norm`,
      )
    }
    return value!
  }

  /**
   * One step of the optimizer with the gradients gathered, of all workers: each makes the same step.
   *
   * @returns their global norm before clipping
   * @throws {UserError} the norm is not a number; nothing was changed
   */
  async update(learningRate: number): Promise<number> {
    const { arrays } = this.parameters.gradients
    if (this.#parts === 0) for (const array of arrays) array.fill(0) // a step with fewer samples than workers
    await this.#group.sum(arrays)
    const norm = await this.#norm.measure(this.#without)
    if (!Number.isFinite(norm)) {
      throw new UserError(`the gradients' norm became ${norm}: lower --learning-rate or set --max-grad-norm`)
    }
    const gradientScale = clippingScale(norm, this.#options.maxGradNorm)
    await this.#optimizer.step({ learningRate, gradientScale, without: this.#without })
    this.#parts = 0
    return norm
  }

  endProfiling(): string {
    return this.#session.endProfiling()
  }

  /** Idempotent. */
  close(): void {
    this.#session.close()
    this.#optimizer.close()
    this.#norm.close()
    this.#accumulator.close()
    this.parameters.release()
  }
}
