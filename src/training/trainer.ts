/**
 * One model in training: the gradient graph over a mapped backbone, the trained parameters, and their optimizer.
 */

import { UserError } from '../base/index.js'
import { gradientName } from '../models/index.js'
import { nativeRuntime, type RunTensors, type Runtime, type Session } from '../runtime/index.js'
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
import type { Parameter, ParameterStore } from './parameters.js'
import type { Slabs } from './slabs.js'
import { openStores, type Part, type Stores } from './stores.js'
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

interface Parts extends Stores {
  readonly session: Session
  readonly optimizer: Optimizer
  readonly norm: GradientNorm
  readonly accumulator: Accumulator
}

/** Names that never decay (reference: `bias` and torch's LayerNorm; T5's own norms do decay). */
const noDecay = /bias|LayerNorm\.weight/

export class Trainer {
  readonly parameters: ParameterStore
  /** All trained parameters by name, where a run of this trainer's runtime reads them. */
  readonly values: RunTensors
  readonly #options: TrainerOptions
  readonly #parts: Parts
  /** Parameters that get no gradient, and with them those whose gradients other workers sum. */
  readonly #without: ReadonlySet<string>
  readonly #unmeasured: ReadonlySet<string>
  readonly #fetches: RunTensors
  readonly #group: WorkerGroup
  #gathered = 0

  private constructor(options: TrainerOptions, parts: Parts) {
    this.#options = options
    this.#group = options.group ?? soloGroup
    this.#parts = parts
    const { store, gathering, session, part } = parts
    this.parameters = store
    const { outputs } = session.graph
    const all = [...store.parameters.values()]
    const hasGradient = ({ name }: Parameter) => outputs.has(gradientName(name))
    const isMeasured = (each: Parameter) =>
      hasGradient(each) && (part === undefined || part.own.has(each.name))
    this.#without = namesOf(all.filter((each) => !hasGradient(each)))
    this.#unmeasured = namesOf(all.filter((each) => !isMeasured(each)))
    this.values = liveTensors(all, store.values)
    const gradients = liveTensors(all.filter(hasGradient), gathering.gradients)
    this.#fetches = Object.fromEntries(
      Object.entries(gradients).map(([name, gradient]) => [gradientName(name), gradient]),
    )
  }

  /** @throws {UserError} an unknown optimizer or option */
  static async create(options: TrainerOptions): Promise<Trainer> {
    const { spec, weights, seed, threads, runtime = nativeRuntime, group = soloGroup } = options
    const built = gradientGraph(spec)
    const context = { runtime, ...(threads ? { threads } : {}) }
    const session = await openSession(built, weights, { ...options, runtime })
    const specs = built.parameters
      .filter(({ trained }) => trained)
      .map(({ name, shape }) => ({ name, shape, decays: !noDecay.test(name) }))
    const stores = await openStores(specs, runtime, group)
    const { store, gathering, adding, part } = stores
    startValues(store, built.parameters, weights, seed)
    const optimizer = await optimizers
      .get(options.optimizer.name)
      .create(store, options.optimizer.options, context)
    const norm = await createNorm(store, context)
    const accumulator = await createAccumulator(gathering, { ...context, runtime: adding })
    await store.push()
    await part?.common.meet() // nobody starts values any more
    return new Trainer(options, { ...stores, session, optimizer, norm, accumulator })
  }

  get optimizer(): Optimizer {
    return this.#parts.optimizer
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
    const { session, accumulator } = this.#parts
    const feeds = {
      ...batchFeeds(batch),
      ...dropoutFeeds(spec, batch.batch, seed, place),
      ...scalarFeeds({ ...scalars, penaltyWeight: 1 / place.samples }),
    }
    if (this.#gathered > 0) await accumulator.keep(this.#without)
    const { loss } = await session.run({ ...feeds, ...this.values }, this.#fetches)
    if (this.#gathered > 0) await accumulator.add(this.#without)
    this.#gathered++
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
   * One step of the optimizer with the gradients gathered, of all workers: each updates its part of the parameters where
   * they have memory in common, and all of them elsewhere.
   *
   * @returns their global norm before clipping
   * @throws {UserError} the norm is not a number; nothing was changed
   */
  async update(learningRate: number): Promise<number> {
    const { gathering, optimizer, part } = this.#parts
    const { arrays } = gathering.gradients
    if (this.#gathered === 0) for (const array of arrays) array.fill(0) // a step with fewer samples than workers
    const norm = part ? await this.#sumPart(arrays, part) : await this.#sumAll(arrays)
    if (!Number.isFinite(norm)) {
      throw new UserError(`the gradients' norm became ${norm}: lower --learning-rate or set --max-grad-norm`)
    }
    const gradientScale = clippingScale(norm, this.#options.maxGradNorm)
    const only = part ? { only: part.own } : {}
    await optimizer.step({ learningRate, gradientScale, without: this.#without, ...only })
    await part?.common.meet()
    this.#gathered = 0
    return norm
  }

  /** @returns the norm of all sums */
  async #sumAll(arrays: readonly Float32Array[]): Promise<number> {
    const { gathering, store, norm } = this.#parts
    await this.#group.sum(arrays)
    if (gathering !== store) await store.gradients.push()
    return await norm.measure(this.#unmeasured)
  }

  /** Of the part's sums alone. @returns the norm of all */
  async #sumPart(arrays: readonly Float32Array[], { common, stretches }: Part): Promise<number> {
    await common.sum(arrays, stretches)
    const own = await this.#parts.norm.measure(this.#unmeasured)
    const norms = await this.#group.exchange(String(own)) // as text: JSON has no NaN
    return Math.hypot(...norms.map(Number))
  }

  endProfiling(): string {
    return this.#parts.session.endProfiling()
  }

  /** Idempotent. */
  close(): void {
    const { session, optimizer, norm, accumulator, gathering, store, memory } = this.#parts
    for (const part of [session, optimizer, norm, accumulator]) part.close()
    gathering.release()
    store.release()
    memory?.close()
  }
}

const namesOf = (parameters: readonly Parameter[]): ReadonlySet<string> =>
  new Set(parameters.map(({ name }) => name))

const liveTensors = (parameters: readonly Parameter[], slabs: Slabs): RunTensors =>
  Object.fromEntries(parameters.map(({ name, span, shape }) => [name, slabs.live(span, shape)]))
