import { describe, expect, test } from 'vitest'
import {
  add,
  atSite,
  cast,
  checkGraph,
  concat,
  constant,
  gather,
  graphOf,
  input,
  lower,
  matMul,
  mean,
  pad,
  parameter,
  pick,
  range,
  reshape,
  rmsNorm,
  slice,
  sum,
  type Tensor,
  transpose,
  where,
} from '../../src/graph/index.js'
import { addOperator } from '../../src/graph/operators/arithmetic.js'
import { addRowsOperator, scatterRowsOperator } from '../../src/graph/operators/gather.js'
import { apply, type Node } from '../../src/graph/tensor.js'

const x = input('x', ['batch', 3])
const z = input('z', [4])
const y = atSite('layer.0', () => add(x, x))

/** y with something wrong about it, or about the node that makes it. */
function forged(changes: Partial<Tensor>, node: Partial<Node> = {}): Tensor {
  const outputs: Tensor[] = []
  outputs.push({ ...y, ...changes, source: { ...(y.source as Node), ...node, outputs } })
  return outputs[0]!
}

describe('checkGraph', () => {
  test('lets a sound graph pass', () => {
    expect(() => checkGraph(graphOf({ y }))).not.toThrow()
  })

  test.each([
    {
      fault: 'operator',
      tensor: forged({}, { operator: { ...addOperator }, site: '' }),
      message: 'add: float32 (batch, 3): its operator is not',
    },
    {
      fault: 'output',
      tensor: { ...y },
      message: 'add at layer.0: float32 (batch, 3): it is not the output',
    },
    {
      fault: 'order',
      tensor: forged({ id: x.id }),
      message: 'add at layer.0: float32 (batch, 3): an input was made after it',
    },
    {
      fault: 'type',
      tensor: forged({ shape: ['batch', 4] }),
      message: 'float32 (batch, 4): its shape rule gives float32 (batch, 3)',
    },
    {
      fault: 'inputs',
      tensor: forged({}, { inputs: [x, z] }),
      message: 'add at layer.0: float32 (batch, 3): sizes 3 and 4 of',
    },
    {
      fault: 'size',
      tensor: range('text'),
      message: 'range: int64 (text): no input has the dimension "text"',
    },
    {
      fault: 'size that can’t be read off',
      tensor: input('mask', ['text + boxes']),
      message: 'input mask: float32 (text + boxes): no input has the dimension "text"',
    },
    {
      fault: 'dimension’s text',
      tensor: input('mask', ['boxes + text']),
      message: 'input mask: float32 (boxes + text): "boxes + text" is written text + boxes',
    },
  ])('refuses a wrong $fault, and so does lowering', ({ tensor, message }) => {
    expect(() => checkGraph(graphOf({ tensor }))).toThrow(message)
    expect(() => lower(graphOf({ tensor }))).toThrow(message)
  })
})

describe('graphOf', () => {
  test('sorts what is given from what stays', () => {
    const [frozen, trained] = [parameter('frozen', [3], false), parameter('trained', [3], true)]
    const graph = graphOf({ sum: add(add(x, frozen), trained) })
    expect([...graph.inputs.keys()]).toEqual(['x', 'trained'])
    expect([...graph.frozen.keys()]).toEqual(['frozen'])
  })

  test.each([
    ['two inputs', { y: add(x, input('x', [3])) }, 'two leaves are named x'],
    ['an input and a frozen parameter', { y: add(x, parameter('x', [3], false)) }, 'two leaves are named x'],
    ['an output and an input', { x: y }, 'an output and what it is made of are both named x'],
  ])('refuses %s of one name', (_what, outputs, message) => {
    expect(() => graphOf(outputs as Record<string, Tensor>)).toThrow(message)
  })
})

describe('shape rules', () => {
  const z = input('z', [4, 3])
  const ids = input('ids', [2], 'int64')
  const refused: readonly (readonly [string, () => Tensor, string])[] = [
    ['add of sizes that differ', () => add(z, input('a', [4])), 'add: (4, 3) and (4): sizes 3 and 4'],
    ['add of named sizes that differ', () => add(x, input('a', ['text', 3])), 'sizes batch and text'],
    ['add of dtypes', () => add(z, input('a', [3], 'int64')), 'dtypes float32 and int64 differ'],
    ['sum from the end', () => sum(z, [-1]), 'sum: (4, 3): (4, 3) has no axis -1'],
    ['sum beyond the shape', () => sum(z, [2]), 'has no axis 2'],
    ['mean over a named size', () => mean(x, [0]), 'the size of an axis is not a number'],
    ['slice beyond the end', () => slice(z, 1, 0, 4), 'slice: (4, 3): 4 is beyond 3'],
    ['slice that ends before it starts', () => slice(z, 1, 2, 1), '2 is beyond 1'],
    ['slice before the start', () => slice(z, 1, -1, 1), '0 is beyond -1'],
    ['slice of an axis', () => slice(z, 2, 0, 1), 'has no axis 2'],
    ['pad by less than nothing', () => pad(z, 0, -1, 0), 'pad: (4, 3): 0 is beyond -1'],
    ['concat of sizes that differ', () => concat([z, input('a', [4, 2])], 0), 'other than those of axis 0'],
    ['concat of an axis', () => concat([z, z], 2), 'has no axis 2'],
    ['transpose of a part', () => transpose(z, [0]), 'are not each axis once'],
    ['transpose of one axis twice', () => transpose(z, [0, 0]), 'are not each axis once'],
    ['reshape to another count', () => reshape(z, [5]), "can't be reshaped to (5)"],
    ['reshape of named sizes', () => reshape(x, ['batch', 2]), "can't be reshaped to (batch, 2)"],
    ['matMul of inner sizes', () => matMul(z, z), 'matMul: (4, 3) and (4, 3): inner sizes 3 and 4 differ'],
    ['matMul of leading sizes', () => matMul(input('a', [2, 4, 3]), input('b', [5, 3, 4])), 'leading sizes'],
    ['matMul of a vector', () => matMul(z, input('a', [3])), 'a product needs matrices'],
    ['norm of another width', () => rmsNorm(z, input('w', [4]), 1e-6), 'weights of 3 are needed'],
    ['where without a condition', () => where(z, z, z), 'the condition must be bool'],
    ['gather by floats', () => gather(z, input('a', [2])), 'row numbers must be int64'],
    ['pick by floats', () => pick(z, input('a', [4])), 'positions must be int64'],
    ['pick of another count', () => pick(z, ids), 'one position a row is needed'],
    [
      'rows without a number',
      () => apply(scatterRowsOperator, [z, ids], { count: 9 }),
      'one row of a known width',
    ],
    ['rows of another width', () => apply(addRowsOperator, [x, input('a', [2, 4]), ids]), 'not as wide as'],
    ['a constant’s length', () => constant(Float32Array.of(1, 2), [3], 'float32'), '2 values for shape (3)'],
  ]
  test.each(refused)('refuse %s', (_what, build, message) => {
    expect(build).toThrow(message)
  })

  test('name the place in the model', () => {
    const build = () =>
      atSite('encoder.block.2', () => matMul(cast(z, 'float64'), input('w', [4, 2], 'float64')))
    expect(build).toThrow('matMul at encoder.block.2: (4, 3) and (4, 2): inner sizes 3 and 4 differ')
    expect(() => add(z, input('a', [4]))).toThrow(/^add: /)
  })
})
