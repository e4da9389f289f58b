import { expect, test } from 'vitest'
import {
  checkGraph,
  gradients,
  graphOf,
  input,
  mul,
  parameter,
  splitWords,
  square,
  sum,
} from '../../src/graph/index.js'
import { hashedDropout } from '../../src/models/dropout.js'
import { float32, HostTensor, nativeRuntime } from '../../src/runtime/index.js'

const keys = input('keys', ['batch'], 'uint32')
const x = input('x', ['batch', 'text', 6])
const weight = parameter('weight', [6], true)
const dropout = hashedDropout(keys, 0.4)
const loss = sum(square(dropout(mul(dropout(x), weight))))
const graph = graphOf({ loss, slope: gradients(loss, [weight])[0]! })

test('masks are made apart, of the keys alone, and nothing of words is left in the rest', () => {
  const { words, rest } = splitWords(graph)!
  checkGraph(words)
  checkGraph(rest)
  expect([...words.outputs.values()].map(({ dtype, shape }) => ({ dtype, shape }))).toEqual([
    { dtype: 'bool', shape: ['batch', 'text', 6] },
    { dtype: 'bool', shape: ['batch', 'text', 6] },
  ])
  expect([...words.inputs.keys()]).toEqual(['keys', 'x']) // x tells how long a text is
  expect([...rest.inputs.keys()].toSorted()).toEqual(['weight', 'words/0', 'words/1', 'x'])
  expect([...rest.outputs.keys()]).toEqual([...graph.outputs.keys()])
})

test('both together compute what the graph does, bit by bit', async () => {
  const feeds = {
    keys: new HostTensor('uint32', [2], Uint32Array.of(7, 0xdeadbeef)),
    x: float32(
      [2, 5, 6],
      Array.from({ length: 60 }, (_, i) => Math.sin(i)),
    ),
    weight: float32([6], [1, 2, 3, 4, 5, 6]),
  }
  const run = async (part: typeof graph, given: Parameters<typeof whole.run>[0]) => {
    const session = await nativeRuntime.createSession(part, { threads: 1 })
    const results = await session.run(given)
    session.close()
    return results
  }
  const whole = await nativeRuntime.createSession(graph, { threads: 1 })
  const { words, rest } = splitWords(graph)!
  const masks = await run(words, feeds)
  const [right, got] = [await whole.run(feeds), await run(rest, { ...feeds, ...masks })]
  whole.close()
  for (const name of graph.outputs.keys()) expect(got[name]!.data).toEqual(right[name]!.data)
})

test('a graph without words stays whole', () => {
  expect(splitWords(graphOf({ y: mul(x, weight) }))).toBeUndefined()
})
