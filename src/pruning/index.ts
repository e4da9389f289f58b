/** Which rows and columns of a backbone a ladder starts from. A new way of choosing is one file and one line here. */
import { registry } from '../base/index.js'
import { chain } from './chain.js'
import type { Selector } from './selection.js'
import { stream } from './stream.js'

export { keepOrder } from './keepOrder.js'
export { type Layout, layoutOf } from './layout.js'
export { cut, type Importance, type Indices, type Selection, type Selector } from './selection.js'
export { sideName } from './sideNames.js'

/** By the names of the reference's versions, and ours. */
export const selectors = registry<Selector>('selection', [
  chain('v2', "the paper's: every matrix picks its own rows", {
    rounds: 1,
    byHeads: false,
    score: 'product',
  }),
  chain('v3', 'as v2, rows of attentions head by head (12 heads)', {
    rounds: 1,
    byHeads: true,
    score: 'product',
  }),
  chain('v5', 'as v2, in ten rounds', { rounds: 10, byHeads: false, score: 'product' }),
  chain('bart', "the paper's code for BART: as v2, by sums of logarithms, so that what matters least stays", {
    ...{ rounds: 1, byHeads: false, score: 'logarithms' },
  }),
  stream,
])
