/** The table of operators: what a graph may consist of. A new operator is one file and one line here. */
import { registry } from '../../base/index.js'
import type { Operator } from '../tensor.js'
import { argMaxOperator } from './argMax.js'
import { addOperator, divOperator, mulOperator, subOperator } from './arithmetic.js'
import { castOperator } from './cast.js'
import { equalOperator, greaterOperator, lessOperator } from './compare.js'
import { concatOperator } from './concat.js'
import { detachOperator } from './detach.js'
import { erfOperator } from './erf.js'
import { expandOperator } from './expand.js'
import { fillOperator } from './fill.js'
import { addRowsOperator, gatherOperator, scatterRowsOperator } from './gather.js'
import { bitShiftOperator, bitXorOperator, clampOperator } from './integers.js'
import { matMulOperator } from './matMul.js'
import { layerNormOperator, rmsNormOperator } from './norm.js'
import { padOperator } from './pad.js'
import { pickOperator, placeOperator } from './pick.js'
import { quickGeluOperator } from './quickGelu.js'
import { rangeOperator } from './range.js'
import { meanOperator, sumOperator } from './reduce.js'
import { reshapeOperator } from './reshape.js'
import { sliceOperator } from './slice.js'
import { logSoftmaxOperator, softmaxOperator } from './softmax.js'
import { transposeOperator } from './transpose.js'
import {
  expOperator,
  logOperator,
  negOperator,
  reluOperator,
  sigmoidOperator,
  sqrtOperator,
  tanhOperator,
} from './unary.js'
import { whereOperator } from './where.js'

export const operators = registry<Operator>('operator', [
  addOperator,
  subOperator,
  mulOperator,
  divOperator,
  negOperator,
  expOperator,
  logOperator,
  sqrtOperator,
  tanhOperator,
  sigmoidOperator,
  reluOperator,
  erfOperator,
  quickGeluOperator,
  argMaxOperator,
  greaterOperator,
  lessOperator,
  equalOperator,
  whereOperator,
  castOperator,
  clampOperator,
  bitXorOperator,
  bitShiftOperator,
  detachOperator,
  fillOperator,
  rangeOperator,
  sumOperator,
  meanOperator,
  expandOperator,
  reshapeOperator,
  transposeOperator,
  concatOperator,
  sliceOperator,
  padOperator,
  matMulOperator,
  softmaxOperator,
  logSoftmaxOperator,
  rmsNormOperator,
  layerNormOperator,
  gatherOperator,
  scatterRowsOperator,
  addRowsOperator,
  pickOperator,
  placeOperator,
])

export { argMax } from './argMax.js'
export { add, div, mul, square, sub } from './arithmetic.js'
export { cast } from './cast.js'
export { equal, greater, less } from './compare.js'
export { concat } from './concat.js'
export { detach } from './detach.js'
export { erf } from './erf.js'
export { expand } from './expand.js'
export { fill } from './fill.js'
export { gather } from './gather.js'
export { bitShift, bitXor, clamp } from './integers.js'
export { matMul } from './matMul.js'
export { layerNorm, rmsNorm } from './norm.js'
export { pad } from './pad.js'
export { pick } from './pick.js'
export { quickGelu } from './quickGelu.js'
export { range } from './range.js'
export { mean, sum } from './reduce.js'
export { reshape } from './reshape.js'
export { slice } from './slice.js'
export { logSoftmax, softmax } from './softmax.js'
export { transpose } from './transpose.js'
export { exp, log, neg, relu, sigmoid, sqrt, tanh } from './unary.js'
export { where } from './where.js'
