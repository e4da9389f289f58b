/**
 * AdamW (Loshchilov and Hutter 2019) in two forms. With t a parameter's own step count from 1:
 *
 *     m ← β₁ m + (1 − β₁) g
 *     v ← β₂ v + (1 − β₂) g²
 *
 * `adamw`, the form of transformers 4.2.1 to 4.6.0:
 *
 *     p ← p − η √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)        ε outside the bias correction
 *     p ← p − η · decay · p                                  after the update, on the updated p
 *
 * `adamw-torch`, torch's own:
 *
 *     p ← p − η · decay · p                                  before the update
 *     p ← p − η / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)      ε inside the bias correction
 *
 * One small graph over flat memory, run in place chunk by chunk; a chunk reaches across parameters that share decay
 * and step count. Corrections are computed in float64.
 */
import { add, div, mul, sqrt, square, sub, type Tensor } from '../../graph/index.js'
import { elements, type Parameter, type ParameterStore } from '../parameters.js'
import type { Slabs, Span } from '../slabs.js'
import {
  defineOptimizer,
  isUpdated,
  type Optimizer,
  type OptimizerState,
  restoreTensors,
  StepCounts,
  type StepSettings,
} from './optimizer.js'
import { Scalars } from './scalars.js'
import { createSweep, type SpanGraph, type Sweep } from './sweep.js'

/** ε is transformers' own default, which the vision code uses; the text code's runs have 1e-8. */
const defaults = { beta1: 0.9, beta2: 0.999, epsilon: 1e-6, weightDecay: 0 }
type Options = typeof defaults

interface Moments {
  readonly mean: Tensor
  readonly variance: Tensor
}

/** What tells the forms apart. */
interface Form {
  /** The new value of a chunk. @param moments the new ones. @param number `rate`, `root` or `decay` */
  update(value: Tensor, moments: Moments, number: (name: string) => Tensor, options: Options): Tensor
  /** At step t, by which bias correction. */
  factors(t: number, options: Options): { readonly rate: number; readonly root: number }
}

const transformersForm: Form = {
  update(value, { mean, variance }, number, { epsilon, weightDecay }) {
    const update = mul(div(mean, add(sqrt(variance), epsilon)), number('rate'))
    const updated = sub(value, update)
    return weightDecay > 0 ? sub(updated, mul(updated, number('decay'))) : updated
  },
  factors: (t, { beta1, beta2 }) => ({ rate: Math.sqrt(1 - beta2 ** t) / (1 - beta1 ** t), root: 1 }),
}

const torchForm: Form = {
  update(value, { mean, variance }, number, { epsilon, weightDecay }) {
    const decayed = weightDecay > 0 ? sub(value, mul(value, number('decay'))) : value
    const denominator = add(mul(sqrt(variance), number('root')), epsilon)
    return sub(decayed, mul(div(mean, denominator), number('rate')))
  },
  factors: (t, { beta1, beta2 }) => ({ rate: 1 / (1 - beta1 ** t), root: 1 / Math.sqrt(1 - beta2 ** t) }),
}

const row = (name: string, summary: string, rowDefaults: Options, form: Form) =>
  defineOptimizer({
    name,
    summary,
    defaults: rowDefaults,
    stateElements: (shape) => 2 * elements(shape),
    async create(store, options, context) {
      const moments = { mean: await store.moments(), variance: await store.moments() }
      return new AdamW(store, options, form, moments, await createSweep(updateOf(options, form), context))
    },
  })

export const adamw = row(
  'adamw',
  'AdamW in transformers’ form: decay after the update, epsilon outside the bias correction',
  defaults,
  transformersForm,
)

export const adamwTorch = row(
  'adamw-torch',
  'AdamW in torch’s form: decay before the update, epsilon inside the bias correction',
  { ...defaults, epsilon: 1e-8 },
  torchForm,
)

/** One chunk's update: new moments are made before the value that is made of them. */
function updateOf(options: Options, form: Form): SpanGraph {
  return (chunk, number) => {
    const gradient = chunk('gradient')
    const mean = add(mul(chunk('mean'), options.beta1), mul(gradient, number('meanShare')))
    const variance = add(
      mul(chunk('variance'), options.beta2),
      square(mul(gradient, number('varianceShare'))),
    )
    const value = form.update(chunk('value'), { mean, variance }, number, options)
    return { newValue: value, newMean: mean, newVariance: variance }
  }
}

class AdamW implements Optimizer {
  readonly #store: ParameterStore
  readonly #options: Options
  readonly #form: Form
  readonly #sweep: Sweep
  readonly #mean: Slabs
  readonly #variance: Slabs
  readonly #counts: StepCounts
  readonly #scalars = new Scalars('meanShare', 'varianceShare', 'rate', 'root', 'decay')

  constructor(
    store: ParameterStore,
    options: Options,
    form: Form,
    { mean, variance }: Readonly<Record<keyof Moments, Slabs>>,
    sweep: Sweep,
  ) {
    this.#store = store
    this.#options = options
    this.#form = form
    this.#sweep = sweep
    this.#mean = mean
    this.#variance = variance
    this.#counts = new StepCounts(store.parameters)
  }

  async step(settings: StepSettings): Promise<void> {
    this.#counts.advance(settings.without)
    const keyOf = (parameter: Parameter) =>
      isUpdated(parameter, settings) ? 2 * this.#counts.of(parameter) + Number(parameter.decays) : undefined
    for (const { example, spans } of this.#store.groups(keyOf)) {
      this.#setScalars(example, settings)
      const tensorsOf = (span: Span) => {
        const gradient = this.#store.gradients.live(span)
        const value = this.#store.values.live(span)
        const mean = this.#mean.live(span)
        const variance = this.#variance.live(span)
        return {
          feeds: { value, gradient, mean, variance },
          fetches: { newValue: value, newMean: mean, newVariance: variance },
        }
      }
      await this.#sweep.over(spans, tensorsOf, this.#scalars.tensors)
    }
  }

  #setScalars(parameter: Parameter, { learningRate, gradientScale }: StepSettings): void {
    const { beta1, beta2, weightDecay } = this.#options
    const { rate, root } = this.#form.factors(this.#counts.of(parameter), this.#options)
    this.#scalars.set({
      meanShare: gradientScale * (1 - beta1),
      varianceShare: gradientScale * Math.sqrt(1 - beta2),
      rate: learningRate * rate,
      root,
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
    this.#sweep.close()
    this.#scalars.release()
    this.#mean.release()
    this.#variance.release()
  }
}
