import { apply, isFloat, type Operator, type Tensor } from '../tensor.js'
import { add, mul, sub } from './arithmetic.js'
import { sigmoid } from './unary.js'

const slope = 1.702

/** y = x σ(1.702 x), CLIP's activation. ONNX Runtime has it in one pass over memory instead of three. */
export const quickGeluOperator: Operator = {
  name: 'quickGelu',
  infer([x]) {
    if (!isFloat(x!.dtype)) throw new Error(`${x!.dtype} is not a float dtype`)
    return x!
  },
  gradient({ inputs: [x], upstream: [dy] }) {
    const s = sigmoid(mul(x!, slope))
    return [mul(dy!, mul(s, add(mul(mul(x!, slope), sub(1, s)), 1)))]
  },
  lower({ inputs, node, emit }) {
    const { dtype } = node.outputs[0]!
    if (emit.target !== 'standard' && dtype === 'float32')
      return emit.node('QuickGelu', inputs, {
        attributes: { alpha: { float: slope } },
        domain: 'com.microsoft',
      })
    const scaled = emit.node('Mul', [inputs[0]!, emit.scalar(slope, dtype)])
    return emit.node('Mul', [inputs[0]!, ...emit.node('Sigmoid', scaled)])
  },
  samples: [{ inputs: [[2, 3, 5]] }, { inputs: [[7]] }],
}

export const quickGelu = (x: Tensor): Tensor => apply(quickGeluOperator, [x])
