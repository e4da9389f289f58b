/** What both runtimes promise. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  add,
  type Graph,
  gather,
  gradients,
  graphOf,
  input,
  matMul,
  mul,
  parameter,
  rmsNorm,
  softmax,
  sub,
  sum,
} from '../../src/graph/index.js'
import {
  type FrozenWeight,
  float32,
  HostTensor,
  int64,
  nativeRuntime,
  publicRuntime,
  type Session,
  type SessionOptions,
  type Tensors,
  zeros,
} from '../../src/runtime/index.js'
import { openSafetensors, writeSafetensors } from '../../src/weights/index.js'
import { numbersOf } from '../support/operators.js'
import { shared, temporaryFolder } from '../support/weights.js'

const runtimes = [nativeRuntime, publicRuntime]

/** A session that is closed when the test ends. */
async function open(
  runtime: typeof nativeRuntime,
  graph: Graph,
  options: SessionOptions = {},
): Promise<Session> {
  const session = await runtime.createSession(graph, { threads: 2, ...options })
  onTestFinished(() => session.close())
  return session
}

const x = input('x', ['batch', 3])
const doubled = graphOf({ y: add(x, x) })
const vector = (...values: number[]) => float32([1, 3], values)

/** One encoder layer's self-attention on ids, with its loss and the gradient of a trained bias. */
function attentionOf(shapes: (name: string) => readonly number[]): Graph {
  const weight = (name: string) => parameter(name, shapes(name), false)
  const layer = 'encoder.block.0.layer.0'
  const ids = input('ids', ['batch', 'text'], 'int64')
  const width = shapes(`${layer}.SelfAttention.q.weight`)[0]!
  const bias = parameter('bias', [width], true)
  const h = rmsNorm(gather(weight('shared.weight'), ids), weight(`${layer}.layer_norm.weight`), 1e-6)
  const project = (name: string) =>
    matMul(h, weight(`${layer}.SelfAttention.${name}.weight`), { transposeB: true })
  const weights = softmax(matMul(add(project('q'), bias), project('k'), { transposeB: true }))
  const loss = sum(mul(matMul(weights, project('v')), input('probe', [width])))
  return graphOf({ weights, loss, dBias: gradients(loss, [bias])[0]! })
}

test('both give the same bits, with frozen weights used in the checkpoint file', async () => {
  const { tensors } = openSafetensors(shared('parity', 'vl', '_shared', 't5.safetensors'))
  const graph = attentionOf((name) => tensors.get(name)!.shape)
  const weights = new Map(
    [...tensors].map(([name, { path, begin, end }]) => [name, { path, begin, bytes: end - begin }] as const),
  )
  const width = tensors.get('encoder.block.0.layer.0.SelfAttention.q.weight')!.shape[0]!
  const feeds = {
    ids: int64([2, 4], BigInt64Array.of(1n, 2n, 3n, 2n, 9n, 8n, 1n, 0n)),
    bias: float32(
      [width],
      Float32Array.from({ length: width }, (_, i) => Math.sin(i)),
    ),
    probe: float32(
      [width],
      Float32Array.from({ length: width }, (_, i) => Math.cos(i)),
    ),
  }
  const results: Tensors[] = []
  for (const runtime of runtimes) results.push(await (await open(runtime, graph, { weights })).run(feeds))
  for (const name of graph.outputs.keys()) {
    expect(results[1]![name]!.data).toEqual(results[0]![name]!.data)
    expect(numbersOf(results[0]![name]!).some((value) => value !== 0)).toBe(true)
  }
})

describe.each(runtimes)('$name', (runtime) => {
  test('runs one session for every size of the named dimensions', async () => {
    const session = await open(runtime, doubled)
    for (const batch of [1, 5, 2, 0, 64]) {
      const feed = float32(
        [batch, 3],
        Float32Array.from({ length: batch * 3 }, (_, i) => i),
      )
      const { y } = await session.run({ x: feed })
      expect(y!.shape).toEqual([batch, 3])
      expect(numbersOf(y!)).toEqual(numbersOf(feed).map((value) => 2 * value))
    }
  })

  test('writes outputs into the tensors that are given', async () => {
    const session = await open(runtime, graphOf({ y: add(x, x), z: sub(x, 1) }))
    const y = vector(9, 9, 9)
    const { data } = y
    const outputs = await session.run({ x: vector(1, 2, 3) }, { y })
    expect(outputs.y).toBe(y)
    expect(numbersOf(y)).toEqual([2, 4, 6])
    expect(y.data).toBe(data)
    expect(numbersOf(outputs.z!)).toEqual([0, 1, 2])
  })

  test('updates a tensor in place that is fed and fetched', async () => {
    const weight = parameter('weight', [3], true)
    const session = await open(runtime, graphOf({ updated: sub(weight, mul(input('gradient', [3]), 0.5)) }))
    const [tensor, gradient] = [float32([3], [1, 2, 3]), float32([3], [2, 4, 6])]
    for (let step = 0; step < 3; step++) await session.run({ weight: tensor, gradient }, { updated: tensor })
    expect(numbersOf(tensor)).toEqual([-2, -4, -6])
  })

  test('answers runs that were asked for at once, each with its own', async () => {
    const session = await open(runtime, doubled)
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => session.run({ x: float32([1 + (i % 3), 3], filled(i)) })),
    )
    answers.forEach(({ y }, i) => {
      expect(y!.shape[0]).toBe(1 + (i % 3))
      expect(new Set(numbersOf(y!))).toEqual(new Set([2 * i]))
    })
    function filled(i: number): Float32Array {
      return new Float32Array(3 * (1 + (i % 3))).fill(i)
    }
  })

  test('gives what is an input or a constant as output too', async () => {
    const same = graphOf({ y: x, again: x, sum: add(x, 1) })
    const outputs = await (await open(runtime, same)).run({ x: vector(1, 2, 3) })
    expect([outputs.y, outputs.again, outputs.sum].map((tensor) => numbersOf(tensor!))).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [2, 3, 4],
    ])
  })

  test('reads sizes off inputs in any order', async () => {
    const mask = input('mask', ['text + boxes'])
    const total = add(sum(mask), add(sum(input('text', ['text'])), sum(input('boxes', ['boxes']))))
    const session = await open(runtime, graphOf({ total }))
    const ones = (n: number) => float32([n], new Float32Array(n).fill(1))
    const { total: got } = await session.run({ mask: ones(5), text: ones(2), boxes: ones(3) })
    expect(numbersOf(got!)).toEqual([10])
    const wrong = session.run({ mask: ones(4), text: ones(2), boxes: ones(3) })
    await expect(wrong).rejects.toThrow('input "mask": a tensor of shape (4) where (text + boxes) is (5)')
  })

  test('uses trained and frozen parameters together', async () => {
    const path = join(temporaryFolder(), 'weights.safetensors')
    writeSafetensors(path, [{ name: 'w', dtype: 'F32', shape: [3], data: Float32Array.of(1, 10, 100) }])
    const { begin } = openSafetensors(path).tensors.get('w')!
    const graph = graphOf({ y: mul(add(x, parameter('bias', [3], true)), parameter('w', [3], false)) })
    const session = await open(runtime, graph, { weights: new Map([['w', { path, begin, bytes: 12 }]]) })
    const { y } = await session.run({ x: vector(1, 2, 3), bias: float32([3], [1, 1, 1]) })
    expect(numbersOf(y!)).toEqual([2, 30, 400])
  })

  const refused: readonly (readonly [string, Tensors, Tensors, string])[] = [
    ['a missing input', {}, {}, 'input "x" is missing'],
    ['another dtype', { x: zeros('float64', [1, 3]) }, {}, 'input "x": float64 where float32 is expected'],
    [
      'another shape',
      { x: zeros('float32', [1, 4]) },
      {},
      'input "x": a tensor of shape (1, 4) where (batch, 3)',
    ],
    ['another rank', { x: zeros('float32', [3]) }, {}, 'input "x": a tensor of shape (3) where (batch, 3)'],
    [
      'an output of another shape',
      { x: zeros('float32', [2, 3]) },
      { y: zeros('float32', [3, 3]) },
      'output "y": float32 (3,3) where float32 (2,3) is expected',
    ],
    ['an unknown output', { x: vector(1, 2, 3) }, { z: vector(1, 2, 3) }, 'the graph has no output "z"'],
    ['a released input', { x: released() }, {}, 'input "x" was released'],
    ['a released output', { x: vector(1, 2, 3) }, { y: released() }, 'output "y" was released'],
  ]
  test.each(refused)('refuses %s by name, and goes on', async (_what, feeds, fetches, message) => {
    const session = await open(runtime, doubled)
    await expect(session.run(feeds, fetches)).rejects.toThrow(message)
    expect(numbersOf((await session.run({ x: vector(1, 2, 3) })).y!)).toEqual([2, 4, 6])
  })

  test('refuses use after close', async () => {
    const session = await open(runtime, doubled)
    session.close()
    session.close()
    await expect(session.run({ x: vector(1, 2, 3) })).rejects.toThrow('this session was closed')
    expect(() => session.endProfiling()).toThrow('this session was closed')
  })

  test('ends the run under way when it is closed, and refuses those behind it', async () => {
    const session = await open(runtime, productGraph)
    const first = session.run({ a: ones(400) })
    const second = session.run({ a: ones(400) })
    await Promise.resolve()
    await Promise.resolve()
    session.close()
    expect((await first).y!.floats[0]).toBe(400)
    await expect(second).rejects.toThrow('this session was closed')
  })

  test('ends well when a tensor that it reads is released meanwhile', async () => {
    const session = await open(runtime, productGraph)
    const feed = ones(1000)
    const running = session.run({ a: feed })
    await setImmediate()
    feed.release()
    expect((await running).y!.floats[0]).toBe(1000)
    await expect(session.run({ a: feed })).rejects.toThrow('input "a" was released')
  })

  test('writes a profile that is JSON and says which operators ran', async () => {
    const profilePrefix = join(temporaryFolder(), 'profile')
    const session = await open(runtime, doubled, { profilePrefix })
    await session.run({ x: vector(1, 2, 3) })
    const path = session.endProfiling()
    expect(path.startsWith(profilePrefix)).toBe(true)
    const events = JSON.parse(readFileSync(path, 'utf8')) as { args?: { op_name?: string } }[]
    expect(events.map(({ args }) => args?.op_name)).toContain('Add')
  })

  test('refuses to end a profile that was not begun', async () => {
    const session = await open(runtime, doubled)
    expect(() => session.endProfiling()).toThrow('made without profilePrefix')
  })

  const graph = graphOf({ y: add(x, parameter('w', [3], false)) })
  const path = join(process.cwd(), 'package.json')
  const misplaced: readonly (readonly [string, [string, FrozenWeight][], string])[] = [
    ['without a place', [], 'frozen parameter "w" has no weights'],
    [
      'of another length',
      [['w', { path, begin: 0, bytes: 8 }]],
      'frozen parameter "w": 8 bytes for float32 (3)',
    ],
    ['behind the end of the file', [['w', { path, begin: 1e6, bytes: 12 }]], 'ends before its weights do'],
  ]
  test.each(misplaced)('refuses frozen weights %s', async (_what, weights, message) => {
    await expect(open(runtime, graph, { weights: new Map(weights) })).rejects.toThrow(message)
  })
})

const a = input('a', ['n', 'n'])
const productGraph = graphOf({ y: matMul(a, a) })
const ones = (n: number) => float32([n, n], new Float32Array(n * n).fill(1))

function released(): HostTensor {
  const tensor = zeros('float32', [1, 3])
  tensor.release()
  return tensor
}

test('weights of two folders give both interfaces the same result', async () => {
  const [one, two] = [join(temporaryFolder(), 'a'), join(temporaryFolder(), 'a')]
  const place = (path: string) => ({ path, begin: 0, bytes: 12 })
  writeFileSync(one, new Uint8Array(Float32Array.of(1, 2, 3).buffer))
  writeFileSync(two, new Uint8Array(Float32Array.of(10, 20, 30).buffer))
  const graph = graphOf({ y: add(parameter('a', [3], false), parameter('b', [3], false)) })
  const weights = new Map([
    ['a', place(one)],
    ['b', place(two)],
  ])
  for (const runtime of [publicRuntime, nativeRuntime]) {
    const session = await open(runtime, graph, { weights })
    expect(numbersOf((await session.run({})).y!)).toEqual([11, 22, 33])
  }
})

test('the event loop turns while the C interface runs', async () => {
  const session = await open(nativeRuntime, productGraph, { threads: 1 })
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  await session.run({ a: ones(2400) })
  clearInterval(timer)
  expect(turns).toBeGreaterThan(10)
})

describe('HostTensor', () => {
  test('refuses data that does not fit', () => {
    expect(() => float32([2, 2], [1, 2, 3])).toThrow('Float32Array of 3 for float32 (2, 2)')
    expect(() => new HostTensor('int64', [2], Float32Array.of(1, 2))).toThrow(
      'Float32Array of 2 for int64 (2)',
    )
  })

  test('refuses use after release, which may be called twice', () => {
    const tensor = released()
    tensor.release()
    expect(() => tensor.data).toThrow('this tensor was released')
    expect(() => tensor.floats).toThrow('this tensor was released')
  })

  test('keeps its memory as long as an array over it is kept', async () => {
    const session = await open(nativeRuntime, doubled)
    const { y } = await session.run({ x: vector(1, 2, 3) })
    const { floats } = y!
    y!.release()
    expect([...floats]).toEqual([2, 4, 6])
  })

  test('gives floats of float32 only', () => {
    expect(() => zeros('int64', [2]).floats).toThrow('a int64 tensor, not float32')
  })
})
