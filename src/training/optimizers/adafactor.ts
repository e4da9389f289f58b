/**
 * Adafactor (Shazeer and Stern 2018) as transformers 4.6.0 runs it with `--adafactor`: an outer learning rate, no first
 * moment, no scaling by the parameter. With t a parameter's own step count from 1 and b = 1 − t^(−0.8):
 *
 *     u = g² + ε
 *     matrices:  R ← b R + (1 − b) mean of u over columns,  C ← b C + (1 − b) mean of u over rows
 *                U = g / √(R / mean(R)) / √C                  over the last two axes
 *     vectors:   v ← b v + (1 − b) u,  U = g / √v
 *     p ← p − η · decay · p                                   before the update
 *     p ← p − η · U / max(1, rms(U) / clip)
 *
 * rms(U) needs all of U before the first element is updated, so each parameter is one run, and a run takes about three
 * times the parameter's memory.
 */
import {
  add,
  div,
  graphOf,
  greater,
  input,
  mul,
  reshape,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  where,
} from '../../graph/index.js'
import type { HostTensor, RunTensors, Session } from '../../runtime/index.js'
import { elements, type Parameter, type ParameterStore } from '../parameters.js'
import type { Slabs } from '../slabs.js'
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

const defaults = { decayRate: -0.8, epsilon: 1e-30, clip: 1, weightDecay: 0 }
type Options = typeof defaults

export const adafactor = defineOptimizer({
  name: 'adafactor',
  summary: 'Adafactor: second moments by row and column, no first moment',
  defaults,
  stateElements(shape) {
    const { kind, sizes } = formOf(shape)
    const moments: readonly (readonly Axis[])[] = Object.values(kinds[kind].moments)
    return moments.reduce((sum, axes) => sum + elements(axes.map((axis) => sizes[axis])), 0)
  },
  async create(store, options, { runtime, ...session }) {
    const sessionOf = (kind: Kind) => runtime.createSession(updateGraph(kind, options), session)
    const sessions = { matrix: await sessionOf(kinds.matrix), vector: await sessionOf(kinds.vector) }
    return new Adafactor(store, options, sessions, await slotsOf(store))
  },
})

const scalarNames = ['gradientScale', 'keep', 'share', 'rate', 'decay', 'rows', 'columns', 'count'] as const
type Numbers = Readonly<Record<(typeof scalarNames)[number], Tensor>>
type Axis = 'leading' | 'rows' | 'columns'

/** How parameters of one rank are updated. */
interface Kind {
  readonly axes: readonly Axis[]
  /** Second moments by torch's names, with their axes. */
  readonly moments: Readonly<Record<string, readonly Axis[]>>
  /** What the moments are running averages of, in their order. */
  means(u: Tensor, numbers: Numbers): readonly Tensor[]
  /** U from the gradient and the new moments. */
  direction(g: Tensor, moments: readonly Tensor[], numbers: Numbers): Tensor
}

const kinds = {
  matrix: {
    axes: ['leading', 'rows', 'columns'],
    moments: { exp_avg_sq_row: ['leading', 'rows'], exp_avg_sq_col: ['leading', 'columns'] },
    means: (u, { rows, columns }) => [div(sum(u, [2]), columns), div(sum(u, [1]), rows)],
    direction(g, [R, C], { rows }) {
      const mean = div(sum(R!, [1], { keepDims: true }), rows)
      const ofRow = reshape(sqrt(div(R!, mean)), ['leading', 'rows', 1])
      return div(div(g, ofRow), reshape(sqrt(C!), ['leading', 1, 'columns']))
    },
  },
  vector: {
    axes: ['columns'],
    moments: { exp_avg_sq: ['columns'] },
    means: (u) => [u],
    direction: (g, [v]) => div(g, sqrt(v!)),
  },
} as const satisfies Record<string, Kind>

/** One parameter's update; each input is read before the output over the same memory is written. */
function updateGraph(kind: Kind, { epsilon, clip }: Options) {
  const numbers = Object.fromEntries(scalarNames.map((name) => [name, input(name, [])])) as Numbers
  const g = mul(input('gradient', kind.axes), numbers.gradientScale)
  const means = kind.means(add(square(g), epsilon), numbers)
  const moments = Object.entries(kind.moments).map(([name, axes], i) =>
    add(mul(input(name, axes), numbers.keep), mul(means[i]!, numbers.share)),
  )
  const direction = kind.direction(g, moments, numbers)
  const excess = div(sqrt(div(sumOfAll(square(direction)), numbers.count)), clip)
  const update = mul(direction, div(numbers.rate, where(greater(excess, 1), excess, 1)))
  const value = input('value', kind.axes)
  return graphOf(
    renamed({
      value: sub(sub(value, mul(value, numbers.decay)), update),
      ...Object.fromEntries(Object.keys(kind.moments).map((name, i) => [name, moments[i]!])),
    }),
  )
}

/** Axis by axis: short sums lose little in float32. */
function sumOfAll(x: Tensor): Tensor {
  return x.shape.length === 0 ? x : sumOfAll(sum(x, [x.shape.length - 1]))
}

/** Outputs may not have the names of the inputs over whose memory they are written. */
function renamed<T>(tensors: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [`new_${name}`, tensor]))
}

/** What a run of one parameter needs, made once. */
interface Slot {
  readonly parameter: Parameter
  readonly kind: keyof typeof kinds
  readonly sizes: Readonly<Record<Axis, number>>
  readonly moments: Readonly<Record<string, HostTensor>>
  readonly feeds: RunTensors
  readonly fetches: RunTensors
}

function formOf(shape: readonly number[]): Pick<Slot, 'kind' | 'sizes'> {
  const sizes = {
    leading: elements(shape.slice(0, -2)),
    rows: shape.at(-2) ?? 1,
    columns: shape.at(-1) ?? 1,
  }
  return { kind: shape.length < 2 ? 'vector' : 'matrix', sizes }
}

interface Slots {
  readonly slots: readonly Slot[]
  readonly moments: Slabs
}

/** Every moment of every parameter has a slab of its own. */
async function slotsOf(store: ParameterStore): Promise<Slots> {
  const forms = [...store.parameters.values()].map((parameter) => {
    const { kind, sizes } = formOf(parameter.shape)
    const { axes, moments }: Kind = kinds[kind]
    const shapeOf = (names: readonly Axis[]) => names.map((axis) => sizes[axis])
    const shapes = Object.entries(moments).map(([name, names]) => [name, shapeOf(names)] as const)
    return { parameter, kind, sizes, shape: shapeOf(axes), shapes }
  })
  const moments = await store.moments(
    forms.flatMap(({ shapes }) => shapes.map(([, shape]) => elements(shape))),
  )
  let slab = 0
  const slots = forms.map(({ shape, shapes, ...form }): Slot => {
    const { span } = form.parameter
    const places = shapes.map(
      ([name, shape]) => [name, { slab: slab++, begin: 0, end: elements(shape) }, shape] as const,
    )
    const live = places.map(([name, span, shape]) => [name, moments.live(span, shape)])
    const written = { value: store.values.live(span, shape), ...Object.fromEntries(live) }
    return {
      ...form,
      moments: Object.fromEntries(places.map(([name, span, shape]) => [name, moments.view(span, shape)])),
      feeds: { ...written, gradient: store.gradients.live(span, shape) },
      fetches: renamed(written),
    }
  })
  return { slots, moments }
}

class Adafactor implements Optimizer {
  readonly #options: Options
  readonly #sessions: Readonly<Record<keyof typeof kinds, Session>>
  readonly #slots: readonly Slot[]
  readonly #moments: Slabs
  readonly #counts: StepCounts
  readonly #scalars = new Scalars(...scalarNames)

  constructor(
    store: ParameterStore,
    options: Options,
    sessions: Readonly<Record<keyof typeof kinds, Session>>,
    { slots, moments }: Slots,
  ) {
    this.#options = options
    this.#sessions = sessions
    this.#slots = slots
    this.#moments = moments
    this.#counts = new StepCounts(store.parameters)
  }

  async step(settings: StepSettings): Promise<void> {
    this.#counts.advance(settings.without)
    for (const slot of this.#slots) {
      if (!isUpdated(slot.parameter, settings)) continue
      this.#setScalars(slot, settings)
      await this.#sessions[slot.kind].run({ ...slot.feeds, ...this.#scalars.tensors }, slot.fetches)
    }
  }

  #setScalars({ parameter, sizes }: Slot, { learningRate, gradientScale }: StepSettings): void {
    const { decayRate, weightDecay } = this.#options
    const share = this.#counts.of(parameter) ** decayRate
    this.#scalars.set({
      gradientScale,
      keep: 1 - share,
      share,
      rate: learningRate,
      decay: parameter.decays ? learningRate * weightDecay : 0,
      rows: sizes.rows,
      columns: sizes.columns,
      count: elements(parameter.shape),
    })
  }

  state(): OptimizerState {
    const tensors = this.#slots.flatMap(({ parameter, moments }) =>
      Object.entries(moments).map(([moment, tensor]) => [`${moment}.${parameter.name}`, tensor] as const),
    )
    return { tensors: new Map(tensors), counts: this.#counts.all }
  }

  restore(read: (name: string) => Float32Array, counts: ReadonlyMap<string, number>): void {
    this.#counts.restore(counts)
    restoreTensors(this.state().tensors, read)
  }

  close(): void {
    for (const session of Object.values(this.#sessions)) session.close()
    this.#moments.release()
    this.#scalars.release()
  }
}
