/** The table of optimizers, and what goes with them. A new one is one file and one line here. */
import { registry } from '../../base/index.js'
import { adafactor } from './adafactor.js'
import { adamw, adamwTorch } from './adamw.js'
import type { OptimizerRow } from './optimizer.js'

export const optimizers = registry<OptimizerRow>('optimizer', [adamw, adamwTorch, adafactor])

export { type Accumulator, createAccumulator } from './accumulate.js'
export { clippingScale, createNorm, type GradientNorm } from './norm.js'
export type { Optimizer, OptimizerContext, OptimizerRow, OptimizerState, StepSettings } from './optimizer.js'
