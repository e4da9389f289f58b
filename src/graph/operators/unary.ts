/** Elementwise functions of one tensor: y has the shape of x. */
import { apply, isFloat, type Operator, type Sample, type Tensor } from '../tensor.js'
import { div, mul, sub } from './arithmetic.js'
import { cast } from './cast.js'
import { greater } from './compare.js'

type UnaryGradient = (dy: Tensor, y: Tensor, x: Tensor) => Tensor

const anyNumbers: readonly Sample[] = [{ inputs: [[2, 3, 5]] }, { inputs: [[7]] }]
const positive: readonly Sample[] = [{ inputs: [{ shape: [2, 5], range: [0.5, 3] }] }]

function unary(name: string, type: string, gradient: UnaryGradient, samples = anyNumbers): Operator {
  return {
    name,
    infer([x]) {
      if (!isFloat(x!.dtype)) throw new Error(`${x!.dtype} is not a float dtype`)
      return x!
    },
    gradient: ({ inputs: [x], outputs: [y], upstream: [dy] }) => [gradient(dy!, y!, x!)],
    lower: ({ inputs, emit }) => emit.node(type, inputs),
    memory: 'inPlace',
    samples,
  }
}

/** y = −x */
export const negOperator = unary('neg', 'Neg', (dy) => neg(dy))
/** y = eˣ */
export const expOperator = unary('exp', 'Exp', (dy, y) => mul(dy, y))
/** y = ln x */
export const logOperator = unary('log', 'Log', (dy, _y, x) => div(dy, x), positive)
/** y = √x */
export const sqrtOperator = unary('sqrt', 'Sqrt', (dy, y) => div(mul(dy, 0.5), y), positive)
/** y = tanh x */
export const tanhOperator = unary('tanh', 'Tanh', (dy, y) => mul(dy, sub(1, mul(y, y))))
/** y = 1 / (1 + e⁻ˣ) */
export const sigmoidOperator = unary('sigmoid', 'Sigmoid', (dy, y) => mul(dy, mul(y, sub(1, y))))
/** y = max(x, 0); the gradient at 0 is 0. `Mul(Cast(Greater))` is faster than `Where(Greater)` (docs/decisions.md). */
export const reluOperator = unary('relu', 'Relu', (dy, y) => mul(dy, cast(greater(y, 0), dy.dtype)))

export const neg = (x: Tensor): Tensor => apply(negOperator, [x])
export const exp = (x: Tensor): Tensor => apply(expOperator, [x])
export const log = (x: Tensor): Tensor => apply(logOperator, [x])
export const sqrt = (x: Tensor): Tensor => apply(sqrtOperator, [x])
export const tanh = (x: Tensor): Tensor => apply(tanhOperator, [x])
export const sigmoid = (x: Tensor): Tensor => apply(sigmoidOperator, [x])
export const relu = (x: Tensor): Tensor => apply(reluOperator, [x])
