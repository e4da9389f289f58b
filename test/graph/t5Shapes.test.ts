/**
 * Gradients at T5-base's sizes, where ONNX Runtime really splits work between threads: the same bits every time, and
 * what the same graph gives in float64.
 */
import { describe, expect, test } from 'vitest'
import { Random } from '../../src/base/index.js'
import {
  add,
  type DType,
  gather,
  gradients,
  graphOf,
  input,
  layerNorm,
  logSoftmax,
  matMul,
  mean,
  mul,
  neg,
  pick,
  relu,
  rmsNorm,
  softmax,
  sum,
  type Tensor,
} from '../../src/graph/index.js'
import { HostTensor, nativeRuntime, type Tensors } from '../../src/runtime/index.js'
import { countOf } from '../support/operators.js'

interface Case {
  readonly name: string
  readonly shapes: readonly (readonly number[])[]
  readonly ids?: HostTensor
  readonly build: (inputs: readonly Tensor[], ids: Tensor) => Tensor
}

const random = new Random(5)
const ids = (shape: readonly number[], next: (i: number) => number) =>
  new HostTensor(
    'int64',
    shape,
    BigInt64Array.from({ length: countOf(shape) }, (_, i) => BigInt(next(i))),
  )

/** As in a batch of padded texts: 331 distinct rows, one of them 108 times. */
const distinct = Array.from({ length: 330 }, (_, i) => 97 * i + 1)
const tokens = ids([16, 128], (i) => (i < 108 ? 0 : distinct[random.integer(330)]!))

const cases: readonly Case[] = [
  {
    name: 'matMul with a weight',
    shapes: [
      [16, 20, 768],
      [3072, 768],
    ],
    build: ([x, weight]) => matMul(x!, weight!, { transposeB: true }),
  },
  {
    name: 'matMul of queries and keys',
    shapes: [
      [16, 12, 56, 64],
      [16, 12, 56, 64],
    ],
    build: ([q, k]) => matMul(q!, k!, { transposeB: true, alpha: 0.125 }),
  },
  { name: 'softmax', shapes: [[16, 12, 56, 56]], build: ([x]) => softmax(x!) },
  { name: 'rmsNorm', shapes: [[16, 56, 768], [768]], build: ([x, w]) => rmsNorm(x!, w!, 1e-6) },
  {
    name: 'layerNorm',
    shapes: [[16, 56, 768], [768], [768]],
    build: ([x, w, b]) => layerNorm(x!, w!, b!, 1e-5),
  },
  { name: 'relu', shapes: [[16, 56, 768]], build: ([x]) => relu(x!) },
  { name: 'a bias added', shapes: [[16, 56, 768], [768]], build: ([x, bias]) => add(x!, bias!) },
  {
    name: 'a position bias added',
    shapes: [
      [16, 12, 56, 56],
      [1, 12, 56, 56],
    ],
    build: ([x, bias]) => add(x!, bias!),
  },
  { name: 'sum', shapes: [[16, 56, 768]], build: ([x]) => sum(x!, [1]) },
  { name: 'mean', shapes: [[16, 56, 768]], build: ([x]) => mean(x!, [2]) },
  {
    name: 'cross entropy',
    shapes: [[80, 32128]],
    ids: ids([80], () => random.integer(32128)),
    build: ([logits], labels) => neg(pick(logSoftmax(logits!), labels)),
  },
  {
    name: 'rows of an embedding, one 108 times',
    shapes: [[32128, 768]],
    ids: tokens,
    build: ([table], at) => gather(table!, at),
  },
  {
    name: 'an embedding that is the last layer too',
    shapes: [[32128, 768]],
    ids: tokens,
    build: ([table], at) => {
      const rows = mul(gather(table!, at), input('hidden', [16, 128, 768], table!.dtype))
      const logits = matMul(input('decoded', [80, 768], table!.dtype), table!, { transposeB: true })
      return add(sum(rows), sum(mul(logits, input('dLogits', [80, 32128], table!.dtype))))
    },
  },
  {
    name: 'a table of relative positions',
    shapes: [[32, 12]],
    ids: ids([56, 56], () => random.integer(32)),
    build: ([table], at) => gather(table!, at),
  },
]

/** Normal numbers that float32 holds exactly; a block of prime length, over and over. */
const block = Float32Array.from({ length: 65521 }, () => random.normal())
function valuesOf(count: number): Float32Array {
  const values = new Float32Array(count)
  for (let i = 0; i < count; i += block.length) values.set(block.subarray(0, count - i), i)
  return values
}

/** All gradients of Σ dy · y, `runs` times; only what they depend on is fed. */
async function gradientsOf({ shapes, ids: rows, build }: Case, dtype: DType, threads: number, runs: number) {
  const inputs = shapes.map((shape, i) => input(`x${i}`, shape, dtype))
  const y = build(inputs, input('ids', rows?.shape ?? [], 'int64'))
  const loss = sum(mul(y, input('dy', y.shape, dtype)))
  const found = gradients(loss, inputs).map((gradient, i) => [`d${i}`, gradient!] as const)
  const graph = graphOf(Object.fromEntries(found))
  const feeds = Object.fromEntries(
    [...graph.inputs].map(([name, { shape }]) => {
      const values = valuesOf(countOf(shape as readonly number[]))
      const data = dtype === 'float64' ? new Float64Array(values) : values
      return [name, name === 'ids' ? rows! : new HostTensor(dtype, shape as readonly number[], data)]
    }),
  )
  const session = await nativeRuntime.createSession(graph, { threads })
  try {
    const results: Tensors[] = []
    for (let run = 0; run < runs; run++) results.push(await session.run(feeds))
    return results
  } finally {
    session.close()
  }
}

const bytesOf = ({ data }: HostTensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)

function relativeError(actual: Float32Array, expected: Float64Array): number {
  let [largest, difference] = [0, 0]
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]!))
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!))
  }
  return difference / largest
}

describe.each(cases)('$name', (given) => {
  test('two threads give the same bits each time, and what float64 gives', async () => {
    const [first, ...others] = await gradientsOf(given, 'float32', 2, 3)
    for (const other of others) {
      for (const [name, tensor] of Object.entries(other))
        expect(bytesOf(tensor).equals(bytesOf(first![name]!)), name).toBe(true)
    }
    const [exact] = await gradientsOf(given, 'float64', 1, 1)
    for (const [name, tensor] of Object.entries(exact!))
      expect(relativeError(first![name]!.floats, tensor.data as Float64Array), name).toBeLessThan(3e-6)
  })
})
