/** Integer operators: without gradient. */
import { apply, type Operator, type SampleInput, type Tensor } from '../tensor.js'
import { broadcastShapes, sameDType } from './broadcast.js'

const words: SampleInput = { shape: [4], ints: [0, 1, 0xdeadbeef, 0xffffffff], dtype: 'uint32' }

/** y = x held between `low` and `high`. */
export const clampOperator: Operator = {
  name: 'clamp',
  infer: ([x]) => x!,
  gradient: null,
  lower({ inputs: [x], node, emit }) {
    const { dtype } = node.inputs[0]!
    const { low, high } = node.attributes as { low: number; high: number }
    return emit.node('Clip', [x!, emit.scalar(low, dtype), emit.scalar(high, dtype)])
  },
  samples: [{ inputs: [{ shape: [4], ints: [-3, 0, 2, 9] }], attributes: { low: -1, high: 5 } }],
}

/** y = a ⊕ b, bit by bit; uint32. */
export const bitXorOperator: Operator = {
  name: 'bitXor',
  infer: (inputs) => ({
    dtype: sameDType(inputs),
    shape: broadcastShapes(inputs[0]!.shape, inputs[1]!.shape),
  }),
  gradient: null,
  lower: ({ inputs, emit }) => emit.node('BitwiseXor', inputs),
  samples: [{ inputs: [words, { shape: [2, 1], ints: [0xffff, 0x9e3779b9], dtype: 'uint32' }] }],
}

/** y = x shifted by `b` bits, to the right or (`direction: LEFT`) to the left; uint32. */
export const bitShiftOperator: Operator = {
  name: 'bitShift',
  infer: (inputs) => ({
    dtype: sameDType(inputs),
    shape: broadcastShapes(inputs[0]!.shape, inputs[1]!.shape),
  }),
  gradient: null,
  lower: ({ inputs, node, emit }) =>
    emit.node('BitShift', inputs, { attributes: { direction: node.attributes.direction as string } }),
  samples: [
    {
      inputs: [words, { shape: [4], ints: [1, 31, 16, 0], dtype: 'uint32' }],
      attributes: { direction: 'LEFT' },
    },
    { inputs: [words, { shape: [], ints: [15], dtype: 'uint32' }], attributes: { direction: 'RIGHT' } },
  ],
}

export function clamp(x: Tensor, low: number, high: number): Tensor {
  return apply(clampOperator, [x], { low, high })
}

export function bitXor(a: Tensor, b: Tensor): Tensor {
  return apply(bitXorOperator, [a, b])
}

export function bitShift(x: Tensor, bits: Tensor, direction: 'LEFT' | 'RIGHT'): Tensor {
  return apply(bitShiftOperator, [x, bits], { direction })
}
