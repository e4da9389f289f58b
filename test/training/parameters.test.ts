import { expect, test } from 'vitest'
import { type ParameterSpec, ParameterStore, slabLengths } from '../../src/training/parameters.js'

const specs: readonly ParameterSpec[] = [
  { name: 'a.bias', shape: [5], decays: false },
  { name: 'a.weight', shape: [3, 7], decays: true },
  { name: 'gate', shape: [], decays: true },
  { name: 'b.bias', shape: [20], decays: false },
  { name: 'b.weight', shape: [2, 4, 5], decays: true },
]

const all = () => 0

test('parameters that decay lie together, each at a multiple of 16 elements', () => {
  const { parameters, values } = new ParameterStore(specs)
  expect([...parameters.values()].map(({ name, span }) => [name, span.begin, span.end])).toEqual([
    ['a.weight', 0, 21],
    ['gate', 32, 33],
    ['b.weight', 48, 88],
    ['a.bias', 96, 101],
    ['b.bias', 112, 132],
  ])
  expect(values.arrays.map((array) => array.length)).toEqual([144])
})

test('values and gradients are views of the slabs, in the shape of the parameter', () => {
  const { parameters, values, gradients } = new ParameterStore(specs)
  const { value, gradient } = parameters.get('b.weight')!
  expect(value.shape).toEqual([2, 4, 5])
  value.floats.fill(2)
  gradient.floats.fill(3)
  expect(values.arrays[0]!.reduce((sum, x) => sum + x)).toBe(80)
  expect(gradients.arrays[0]!.reduce((sum, x) => sum + x)).toBe(120)
})

test('a slab ends where its limit is; a parameter above the limit has its own', () => {
  const { parameters, values } = new ParameterStore(specs, { slabBytes: 4 * 32 })
  expect(values.arrays.map((array) => array.length)).toEqual([32, 16, 48, 16, 32])
  expect([...parameters.values()].map(({ span }) => span.slab)).toEqual([0, 1, 2, 3, 4])
})

test('parameters that lie apart have a slab each, with nothing behind them', () => {
  const store = new ParameterStore(specs, { apart: true })
  const sizes = [...store.parameters.values()].map(({ shape }) => shape.reduce((n, size) => n * size, 1))
  expect(store.values.arrays.map(({ length }) => length)).toEqual(sizes)
  expect(slabLengths(specs, { apart: true })).toEqual(sizes)
  expect(store.spans()).toEqual(sizes.map((end, slab) => ({ slab, begin: 0, end })))
})

test('spans cross the borders of parameters, not of slabs, chunks or groups', () => {
  const store = new ParameterStore(specs, { chunk: 48 })
  expect(store.groups(all).flatMap(({ spans }) => spans)).toEqual([
    { slab: 0, begin: 0, end: 48 },
    { slab: 0, begin: 48, end: 96 },
    { slab: 0, begin: 96, end: 144 },
  ])
  const byDecay = store.groups(({ name, decays }) => (name === 'gate' ? 2 : Number(decays)))
  expect(byDecay.map(({ example, spans }) => [example.name, spans])).toEqual([
    [
      'a.weight',
      [
        { slab: 0, begin: 0, end: 32 },
        { slab: 0, begin: 48, end: 96 },
      ],
    ],
    ['gate', [{ slab: 0, begin: 32, end: 48 }]],
    ['a.bias', [{ slab: 0, begin: 96, end: 144 }]],
  ])
  expect(store.spans(new Set(['gate', 'a.bias', 'b.weight']))).toEqual([
    { slab: 0, begin: 0, end: 32 },
    { slab: 0, begin: 112, end: 144 },
  ])
  const slabs = new ParameterStore(specs, { slabBytes: 4 * 32 })
  expect(slabs.groups(all).flatMap(({ spans }) => spans.map(({ slab }) => slab))).toEqual([0, 1, 2, 3, 4])
})

test('a span is the same tensor whenever it is asked for', () => {
  const store = new ParameterStore(specs, { chunk: 48 })
  const views = () => store.spans().map((span) => store.values.view(span))
  const first = views()
  for (const [i, view] of views().entries()) expect(view).toBe(first[i])
})

test('a store of nothing has no spans', () => {
  expect(new ParameterStore([]).spans()).toEqual([])
})

test('two parameters of one name are refused', () => {
  expect(() => new ParameterStore([specs[0]!, { ...specs[0]! }])).toThrow(/same name/)
})

test('released tensors refuse to be used', () => {
  const store = new ParameterStore(specs)
  store.release()
  store.release()
  expect(() => store.parameters.get('gate')!.value.data).toThrow(/released/)
})
