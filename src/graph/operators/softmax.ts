/** Softmax and its logarithm over the last axis. */
import { apply, type Operator, type Tensor } from '../tensor.js'
import { mul, sub } from './arithmetic.js'
import { sum } from './reduce.js'
import { exp } from './unary.js'

const lastAxis = (x: Tensor) => [x.shape.length - 1]
const overLast = (x: Tensor) => sum(x, lastAxis(x), { keepDims: true })

/** y = eˣ / Σ eˣ over the last axis. */
export const softmaxOperator: Operator = {
  name: 'softmax',
  infer: ([x]) => x!,
  gradient: ({ outputs: [y], upstream: [dy] }) => [mul(y!, sub(dy!, overLast(mul(dy!, y!))))],
  lower: ({ inputs, emit }) => emit.node('Softmax', inputs, { attributes: { axis: -1 } }),
  samples: [{ inputs: [[2, 3, 5]] }, { inputs: [[4]] }],
}

/** y = x − ln Σ eˣ over the last axis. */
export const logSoftmaxOperator: Operator = {
  name: 'logSoftmax',
  infer: ([x]) => x!,
  gradient: ({ outputs: [y], upstream: [dy] }) => [sub(dy!, mul(exp(y!), overLast(dy!)))],
  lower: ({ inputs, emit }) => emit.node('LogSoftmax', inputs, { attributes: { axis: -1 } }),
  samples: [{ inputs: [[2, 3, 5]] }, { inputs: [[4]] }],
}

export const softmax = (x: Tensor): Tensor => apply(softmaxOperator, [x])
export const logSoftmax = (x: Tensor): Tensor => apply(logSoftmaxOperator, [x])
