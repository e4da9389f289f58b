/** One step's gradient from several batches. */
import { add, graphOf, input } from '../../graph/index.js'
import type { ParameterStore, Slabs } from '../parameters.js'
import { createLanes, type Lanes } from './lanes.js'
import type { OptimizerContext } from './optimizer.js'

/**
 * Sums the gradients of the batches of a step in the store's own gradients: around every batch but the first, `keep`
 * before it and `add` after it. Takes memory (4 bytes an element) from the first `keep` on.
 */
export interface Accumulator {
  /** @param without parameters that got no gradient from any batch so far: whatever is there counts as zero */
  keep(without?: ReadonlySet<string>): void
  /** @param without parameters that got no gradient from this batch: theirs is still the sum */
  add(without?: ReadonlySet<string>): Promise<void>
  /** Idempotent. */
  close(): void
}

export async function createAccumulator(
  store: ParameterStore,
  context: OptimizerContext,
): Promise<Accumulator> {
  return new GradientSum(store, await createLanes(sumGraph(), context))
}

export function sumGraph() {
  return graphOf({ sum: add(input('gradient', ['chunk']), input('kept', ['chunk'])) })
}

class GradientSum implements Accumulator {
  readonly #store: ParameterStore
  readonly #lanes: Lanes
  #kept: Slabs | undefined

  constructor(store: ParameterStore, lanes: Lanes) {
    this.#store = store
    this.#lanes = lanes
  }

  keep(without?: ReadonlySet<string>): void {
    const { parameters, gradients } = this.#store
    for (const name of without ?? []) parameters.get(name)?.gradient.floats.fill(0)
    this.#kept ??= this.#store.slabs()
    for (const [i, kept] of this.#kept.arrays.entries()) kept.set(gradients.arrays[i]!)
  }

  async add(without?: ReadonlySet<string>): Promise<void> {
    const slabs = this.#kept
    if (!slabs) throw new Error('no gradient was kept')
    await this.#lanes.each(this.#store.spans(without), (session, span) => {
      const gradient = this.#store.gradients.view(span)
      return session.run({ gradient, kept: slabs.view(span) }, { sum: gradient })
    })
  }

  close(): void {
    this.#lanes.close()
    this.#kept?.release()
    this.#kept = undefined
  }
}
