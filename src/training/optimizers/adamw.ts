/**
 * AdamW (Loshchilov and Hutter 2019) in the form of transformers 4.2.1 to 4.6.0, not torch's. With t a parameter's own
 * step count from 1:
 *
 *     m ← β₁ m + (1 − β₁) g
 *     v ← β₂ v + (1 − β₂) g²
 *     p ← p − η √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)        ε outside the bias correction
 *     p ← p − η · decay · p                                  after the update, on the updated p
 *
 * One small graph over flat memory, run in place chunk by chunk; a chunk reaches across parameters that share decay
 * and step count. Corrections are computed in float64.
 */
import { add, div, graphOf, input, mul, sqrt, square, sub } from '../../graph/index.js'
import type { Parameter, ParameterStore, Slabs } from '../parameters.js'
import { createLanes, type Lanes } from './lanes.js'
import {
  defineOptimizer,
  type Optimizer,
  type OptimizerState,
  restoreTensors,
  StepCounts,
  type StepSettings,
} from './optimizer.js'
import { Scalars } from './scalars.js'

/** ε is transformers' own default, which the vision code uses; the text code's runs have 1e-8. */
const defaults = { beta1: 0.9, beta2: 0.999, epsilon: 1e-6, weightDecay: 0 }
type Options = typeof defaults

export const adamw = defineOptimizer({
  name: 'adamw',
  summary: 'AdamW in transformers’ form: decay after the update, epsilon outside the bias correction',
  defaults,
  async create(store, options, context) {
    return new AdamW(store, options, await createLanes(updateGraph(options), context))
  },
})

/**
 * @returns one chunk's update. Each input is read before the output over the same memory is written: `value` by the
 *   last node but the decay's, `mean` and `variance` by the node that makes the new one from them.
 */
function updateGraph({ beta1, beta2, epsilon, weightDecay }: Options) {
  const flat = (name: string) => input(name, ['chunk'])
  const gradient = flat('gradient')
  const mean = add(mul(flat('mean'), beta1), mul(gradient, input('meanShare', [])))
  const variance = add(mul(flat('variance'), beta2), square(mul(gradient, input('varianceShare', []))))
  const update = mul(div(mean, add(sqrt(variance), epsilon)), input('rate', []))
  const updated = sub(flat('value'), update)
  const value = weightDecay > 0 ? sub(updated, mul(updated, input('decay', []))) : updated
  return graphOf({ newValue: value, newMean: mean, newVariance: variance })
}

class AdamW implements Optimizer {
  readonly #store: ParameterStore
  readonly #options: Options
  readonly #lanes: Lanes
  readonly #mean: Slabs
  readonly #variance: Slabs
  readonly #counts: StepCounts
  readonly #scalars = new Scalars('meanShare', 'varianceShare', 'rate', 'decay')

  constructor(store: ParameterStore, options: Options, lanes: Lanes) {
    this.#store = store
    this.#options = options
    this.#lanes = lanes
    this.#mean = store.slabs()
    this.#variance = store.slabs()
    this.#counts = new StepCounts(store.parameters)
  }

  async step({ without, ...settings }: StepSettings): Promise<void> {
    this.#counts.advance(without)
    const keyOf = (parameter: Parameter) =>
      without?.has(parameter.name) ? undefined : 2 * this.#counts.of(parameter) + Number(parameter.decays)
    for (const { example, spans } of this.#store.groups(keyOf)) {
      this.#setScalars(example, settings)
      await this.#lanes.each(spans, (session, span) => {
        const gradient = this.#store.gradients.view(span)
        const value = this.#store.values.view(span)
        const mean = this.#mean.view(span)
        const variance = this.#variance.view(span)
        return session.run(
          { value, gradient, mean, variance, ...this.#scalars.tensors },
          { newValue: value, newMean: mean, newVariance: variance },
        )
      })
    }
  }

  #setScalars(parameter: Parameter, { learningRate, gradientScale }: StepSettings): void {
    const { beta1, beta2, weightDecay } = this.#options
    const t = this.#counts.of(parameter)
    this.#scalars.set({
      meanShare: gradientScale * (1 - beta1),
      varianceShare: gradientScale * Math.sqrt(1 - beta2),
      rate: (learningRate * Math.sqrt(1 - beta2 ** t)) / (1 - beta1 ** t),
      decay: parameter.decays ? learningRate * weightDecay : 0,
    })
  }

  state(): OptimizerState {
    const moments = Object.entries({ exp_avg: this.#mean, exp_avg_sq: this.#variance })
    const tensors = [...this.#store.parameters.values()].flatMap(({ name, span, shape }) =>
      moments.map(([moment, slabs]) => [`${moment}.${name}`, slabs.view(span, shape)] as const),
    )
    return { tensors: new Map(tensors), counts: this.#counts.all }
  }

  restore(read: (name: string) => Float32Array, counts: ReadonlyMap<string, number>): void {
    this.#counts.restore(counts)
    restoreTensors(this.state().tensors, read)
  }

  close(): void {
    this.#lanes.close()
    this.#scalars.release()
    this.#mean.release()
    this.#variance.release()
  }
}
