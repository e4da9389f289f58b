/** Softmax and its logarithm over the last axis. */
import { apply, type LowerContext, type Operator, type Tensor } from '../tensor.js'
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
  lower: (context) =>
    context.emit.target === 'webgpu'
      ? lowerFromMaximum(context)
      : context.emit.node('LogSoftmax', context.inputs, { attributes: { axis: -1 } }),
  samples: [{ inputs: [[2, 3, 5]] }, { inputs: [[4]] }],
}

/** (x − m) − ln Σ e^(x − m) with m = max x: WebGPU has no kernel for the whole. */
function lowerFromMaximum({ inputs: [x], emit }: LowerContext): string[] {
  const last = emit.ints([-1])
  const keep = { attributes: { keepdims: 1 } }
  const centred = emit.node('Sub', [x!, ...emit.node('ReduceMax', [x!, last], keep)])
  const total = emit.node('ReduceSum', [...emit.node('Exp', centred), last], keep)
  return emit.node('Sub', [...centred, ...emit.node('Log', total)])
}

export const softmax = (x: Tensor): Tensor => apply(softmaxOperator, [x])
export const logSoftmax = (x: Tensor): Tensor => apply(logSoftmaxOperator, [x])
