import { apply, isFloat, type LowerContext, type Operator, type Tensor } from '../tensor.js'
import { mul, square } from './arithmetic.js'
import { exp, neg } from './unary.js'

/** y = 2/√π ∫₀ˣ e^(−t²) dt */
export const erfOperator: Operator = {
  name: 'erf',
  infer([x]) {
    if (!isFloat(x!.dtype)) throw new Error(`${x!.dtype} is not a float dtype`)
    return x!
  },
  gradient: ({ inputs: [x], upstream: [dy] }) => [
    mul(dy!, mul(exp(neg(square(x!))), 2 / Math.sqrt(Math.PI))),
  ],
  lower: (context) =>
    context.node.outputs[0]!.dtype === 'float64'
      ? lowerSeries(context)
      : context.emit.node('Erf', context.inputs),
  samples: [{ inputs: [[2, 3, 5]] }, { inputs: [{ shape: [9], range: [-7, 7] }] }],
}

/** Beyond this |x| erf is ±1 in float64. */
const largest = 6
/** Errors below 1e-14 up to there. */
const terms = 100

/**
 * ONNX Runtime has no float64 kernel: erf x = 2/√π x e^(−x²) (1 + z/3 (1 + z/5 (1 + z/7 …))) with z = 2x², whose terms
 * are all positive (Abramowitz and Stegun 1964, 7.1.6).
 */
function lowerSeries({ inputs, emit }: LowerContext): string[] {
  const number = (value: number) => emit.scalar(value, 'float64')
  const node = (type: string, ...operands: string[]) => emit.node(type, operands)[0]!
  const x = node('Clip', inputs[0]!, number(-largest), number(largest))
  const squared = node('Mul', x, x)
  const z = node('Mul', squared, number(2))
  let sum = number(1)
  for (let term = terms; term > 0; term--)
    sum = node('Add', node('Mul', node('Mul', z, number(1 / (2 * term + 1))), sum), number(1))
  const factor = node(
    'Mul',
    node('Mul', x, number(2 / Math.sqrt(Math.PI))),
    node('Exp', node('Neg', squared)),
  )
  return [node('Mul', factor, sum)]
}

export const erf = (x: Tensor): Tensor => apply(erfOperator, [x])
