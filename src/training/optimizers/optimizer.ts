/** What an optimizer is, for those who use one and those who add one. */
import { nearest, UserError } from '../../base/index.js'
import type { HostTensor, Runtime } from '../../runtime/index.js'
import type { Parameter, ParameterStore } from '../parameters.js'

export interface StepSettings {
  readonly learningRate: number
  /** Factor of every gradient: clipping, and one over the number of parts of an accumulated batch. */
  readonly gradientScale: number
  /** Parameters that have no gradient in this step: skipped wholly, without decay, their step count unchanged. */
  readonly without?: ReadonlySet<string>
  /** The only parameters to update, where other workers update the rest; the steps of all count. */
  readonly only?: ReadonlySet<string>
}

/** Whether a step updates a parameter here. */
export const isUpdated = ({ name }: Parameter, { without, only }: Pick<StepSettings, 'without' | 'only'>) =>
  !without?.has(name) && (only === undefined || only.has(name))

/** What a checkpoint keeps of an optimizer. */
export interface OptimizerState {
  /**
   * `exp_avg.NAME` and the like: torch's names of the state, then the parameter's. Not a copy: host memory, which on a
   * device is what the store fetched last.
   */
  readonly tensors: ReadonlyMap<string, HostTensor>
  /** Updates that each parameter has had, by its name. */
  readonly counts: ReadonlyMap<string, number>
}

/** Updates the values of a store in place from its gradients. Close it when done. */
export interface Optimizer {
  /** One step; steps follow one another. Gradients stay as they are. */
  step(settings: StepSettings): Promise<void>
  state(): OptimizerState
  /**
   * Takes up a run where a checkpoint left it: in host memory, which the store then pushes.
   *
   * @param read the values of one of `state()`'s tensors
   * @throws {Error} a tensor of another length, a parameter that has no count
   */
  restore(read: (name: string) => Float32Array, counts: ReadonlyMap<string, number>): void
  /** Idempotent; not while a step is under way. */
  close(): void
}

export interface OptimizerContext {
  readonly runtime: Runtime
  /** Threads of one operator (all cores by default). */
  readonly threads?: number
}

type Options = Readonly<Record<string, number>>

/** A row of the table of optimizers. */
export interface OptimizerRow {
  readonly name: string
  readonly summary: string
  /** All options with their defaults; `weightDecay` applies to the parameters that decay. */
  readonly defaults: Options
  /** How many numbers it keeps of a parameter between steps. */
  stateElements(shape: readonly number[]): number
  /** @throws {UserError} an option that the optimizer does not have */
  create(store: ParameterStore, options: Options, context: OptimizerContext): Promise<Optimizer>
}

/** A row whose `create` gets every option, those not given from the defaults. */
export function defineOptimizer<O extends Options>(row: {
  readonly name: string
  readonly summary: string
  readonly defaults: O
  stateElements(shape: readonly number[]): number
  create(store: ParameterStore, options: O, context: OptimizerContext): Promise<Optimizer>
}): OptimizerRow {
  return {
    ...row,
    create(store, given, context) {
      const names = Object.keys(row.defaults)
      const unknown = Object.keys(given).find((name) => !names.includes(name))
      if (unknown !== undefined) {
        const near = nearest(unknown, names)
        const hint = near ? `; the nearest is "${near}"` : ''
        throw new UserError(
          `optimizer ${row.name} has no option "${unknown}"${hint} (all: ${names.join(', ')})`,
        )
      }
      return row.create(store, { ...row.defaults, ...given }, context)
    },
  }
}

/** How many updates each parameter has had: bias corrections count for each by itself. */
export class StepCounts {
  readonly #counts: Map<string, number>

  constructor(parameters: ReadonlyMap<string, Parameter>) {
    this.#counts = new Map([...parameters.keys()].map((name) => [name, 0]))
  }

  get all(): ReadonlyMap<string, number> {
    return this.#counts
  }

  of({ name }: Parameter): number {
    return this.#counts.get(name)!
  }

  /** Counts one update of every parameter but those. */
  advance(without: ReadonlySet<string> | undefined): void {
    for (const [name, count] of this.#counts) if (!without?.has(name)) this.#counts.set(name, count + 1)
  }

  /** @throws {Error} a parameter that has no count */
  restore(counts: ReadonlyMap<string, number>): void {
    for (const name of this.#counts.keys()) {
      const count = counts.get(name)
      if (count === undefined) throw new Error(`no step count of "${name}"`)
      this.#counts.set(name, count)
    }
  }
}

/** Fills an optimizer's tensors from a checkpoint. @throws {Error} one of another length */
export function restoreTensors(
  tensors: ReadonlyMap<string, HostTensor>,
  read: (name: string) => Float32Array,
): void {
  for (const [name, tensor] of tensors) {
    const values = read(name)
    if (values.length !== tensor.floats.length)
      throw new Error(`"${name}" has ${values.length} elements, not ${tensor.floats.length}`)
    tensor.floats.set(values)
  }
}
