/** One step's gradient from several batches. */
import { add } from '../../graph/index.js'
import type { ParameterStore } from '../parameters.js'
import type { Slabs } from '../slabs.js'
import type { OptimizerContext } from './optimizer.js'
import { createSweep, type SpanGraph, type Sweep, spanGraph } from './sweep.js'

/**
 * Sums the gradients of the batches of a step in the store's own gradients: around every batch but the first, `keep`
 * before it and `add` after it. Takes memory (4 bytes an element) from the first `keep` on.
 */
export interface Accumulator {
  /** @param without parameters that got no gradient from any batch so far: whatever is there counts as zero */
  keep(without?: ReadonlySet<string>): Promise<void>
  /** @param without parameters that got no gradient from this batch: theirs is still the sum */
  add(without?: ReadonlySet<string>): Promise<void>
  /** Idempotent. */
  close(): void
}

export async function createAccumulator(
  store: ParameterStore,
  context: OptimizerContext,
): Promise<Accumulator> {
  return new GradientSum(store, await createSweep(sum, context))
}

const sum: SpanGraph = (chunk) => ({ sum: add(chunk('gradient'), chunk('kept')) })

export const sumGraph = () => spanGraph(sum)

class GradientSum implements Accumulator {
  readonly #store: ParameterStore
  readonly #sweep: Sweep
  #kept: Slabs | undefined

  constructor(store: ParameterStore, sweep: Sweep) {
    this.#store = store
    this.#sweep = sweep
  }

  async keep(without?: ReadonlySet<string>): Promise<void> {
    const { parameters, gradients } = this.#store
    for (const name of without ?? []) {
      const parameter = parameters.get(name)
      if (parameter) await gradients.clear(parameter.span)
    }
    this.#kept ??= this.#store.slabs()
    await this.#kept.copy(gradients)
  }

  async add(without?: ReadonlySet<string>): Promise<void> {
    const slabs = this.#kept
    if (!slabs) throw new Error('no gradient was kept')
    await this.#sweep.over(this.#store.spans(without), (span) => {
      const gradient = this.#store.gradients.live(span)
      return { feeds: { gradient, kept: slabs.live(span) }, fetches: { sum: gradient } }
    })
  }

  close(): void {
    this.#sweep.close()
    this.#kept?.release()
    this.#kept = undefined
  }
}
