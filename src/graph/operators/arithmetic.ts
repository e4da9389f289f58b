/** Elementwise arithmetic of two tensors, with broadcasting. */
import { apply, type Operator, scalar, type Tensor } from '../tensor.js'
import { broadcastShapes, sameDType, unbroadcast } from './broadcast.js'
import { neg } from './unary.js'

type BinaryGradient = (a: Tensor, b: Tensor, dy: Tensor, y: Tensor) => readonly [Tensor, Tensor]

const shapes = [
  [
    [2, 3, 4],
    [2, 3, 4],
  ],
  [[2, 3, 4], [4]],
  [
    [3, 1],
    [2, 1, 5],
  ],
] as const

function binary(name: string, type: string, gradient: BinaryGradient): Operator {
  return {
    name,
    infer: (inputs) => ({
      dtype: sameDType(inputs),
      shape: broadcastShapes(inputs[0]!.shape, inputs[1]!.shape),
    }),
    gradient({ inputs: [a, b], outputs: [y], upstream: [dy] }) {
      const [da, db] = gradient(a!, b!, dy!, y!)
      return [unbroadcast(da, a!), unbroadcast(db, b!)]
    },
    lower: ({ inputs, emit }) => emit.node(type, inputs),
    memory: 'inPlace',
    samples: shapes.map((inputs) => ({ inputs: inputs.map((shape) => ({ shape, range: [0.5, 2] })) })),
  }
}

/** y = a + b */
export const addOperator = binary('add', 'Add', (_a, _b, dy) => [dy, dy])
/** y = a − b */
export const subOperator = binary('sub', 'Sub', (_a, _b, dy) => [dy, neg(dy)])
/** y = a · b, elementwise */
export const mulOperator = binary('mul', 'Mul', (a, b, dy) => [mul(dy, b), mul(dy, a)])
/** y = a / b */
export const divOperator = binary('div', 'Div', (_a, b, dy, y) => [div(dy, b), neg(div(mul(dy, y), b))])

/** Numbers become constants of the other operand's dtype. */
function operands(a: Tensor | number, b: Tensor | number): readonly [Tensor, Tensor] {
  if (typeof a === 'number') return [scalar(a, (b as Tensor).dtype), b as Tensor]
  return [a, typeof b === 'number' ? scalar(b, a.dtype) : b]
}

export function add(a: Tensor | number, b: Tensor | number): Tensor {
  return apply(addOperator, operands(a, b))
}

export function sub(a: Tensor | number, b: Tensor | number): Tensor {
  return apply(subOperator, operands(a, b))
}

export function mul(a: Tensor | number, b: Tensor | number): Tensor {
  return apply(mulOperator, operands(a, b))
}

export function div(a: Tensor | number, b: Tensor | number): Tensor {
  return apply(divOperator, operands(a, b))
}

export function square(x: Tensor): Tensor {
  return mul(x, x)
}
