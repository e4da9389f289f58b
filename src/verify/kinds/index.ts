/** The table of kinds that `verify` knows. A new one is one file and one line here. */
import { registry } from '../../base/index.js'
import type { Kind } from '../kind.js'
import { metric, text } from './answers.js'
import { forward } from './forward.js'
import { generate } from './generate.js'
import { optimize } from './optimize.js'
import { prune } from './prune.js'
import { train } from './train.js'

export const kinds = registry<Kind>('kind', [train, forward, generate, optimize, prune, metric, text])
