/** What `--side-init` and `--importance` may name: how importance is measured, and how rows are chosen by it. */
import { registry } from '../../base/index.js'
import { type Selector, selectors } from '../../pruning/index.js'

const measures = ['fisher', 'magnitude'] as const

export interface SideInit {
  /** Such as `fisher-v2`, what all tables of the paper use. */
  readonly name: string
  /** Squared gradients, which need samples of a task, or the weights themselves. */
  readonly measure: (typeof measures)[number]
  readonly selector: Selector
}

export const sideInits = registry<SideInit>(
  'importance',
  measures.flatMap((measure) =>
    selectors.entries
      .filter(({ squaresOnly }) => measure === 'fisher' || !squaresOnly)
      .map((selector) => ({ name: `${measure}-${selector.name}`, measure, selector })),
  ),
)
