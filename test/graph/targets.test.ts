/** What an operator is lowered to for WebGPU computes, on the processor, what it is lowered to elsewhere. */
import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { type Graph, gradients, graphOf, lower, operators, type Tensor } from '../../src/graph/index.js'
import type { Target } from '../../src/graph/tensor.js'
import type { HostTensor } from '../../src/runtime/index.js'
import { applySample, floatsOf, probe } from '../support/operators.js'

async function computed(graph: Graph, target: Target, feeds: Readonly<Record<string, HostTensor>>) {
  const session = await ort.InferenceSession.create(lower(graph, { target }))
  const given = Object.entries(feeds)
    .filter(([name]) => graph.inputs.has(name))
    .map(([name, { dtype, data, shape }]) => [name, new ort.Tensor(dtype, data as never, shape)])
  const results = await session.run(Object.fromEntries(given))
  await session.release()
  return results
}

describe.each([
  { dtype: 'float32', tolerance: 1e-5 },
  { dtype: 'float64', tolerance: 1e-12 },
] as const)('$dtype', ({ dtype, tolerance }) => {
  test.each(operators.entries)('$name and its gradient', async (operator) => {
    for (const sample of operator.samples) {
      const { inputs, outputs, feeds } = applySample(operator, sample, dtype, 5)
      const made: Record<string, Tensor> = Object.fromEntries(outputs.map((y, i) => [`y${i}`, y]))
      if (operator.gradient) {
        for (const [i, dx] of gradients(probe(floatsOf(outputs), 9, feeds), floatsOf(inputs)).entries())
          if (dx) made[`dx${i}`] = dx
      }
      const graph = graphOf(made)
      const [plain, webgpu] = [
        await computed(graph, 'onnxruntime', feeds),
        await computed(graph, 'webgpu', feeds),
      ]
      for (const name of Object.keys(made)) {
        const values = Array.from(webgpu[name]!.data as Iterable<number>, Number)
        Array.from(plain[name]!.data as Iterable<number>, Number).forEach((value, i) => {
          const error = Math.abs(values[i]! - value) / (1 + Math.abs(value))
          expect(error, `${name} at ${i} of ${JSON.stringify(sample)}`).toBeLessThan(tolerance)
        })
      }
    }
  })
})

test('it has no operator of ONNX Runtime that WebGPU lacks', () => {
  const all = operators.entries.flatMap((operator) =>
    operator.samples.map((sample) => {
      const { inputs, outputs, feeds } = applySample(operator, sample, 'float32', 5)
      const loss = operator.gradient ? probe(floatsOf(outputs), 9, feeds) : undefined
      const derived = loss ? gradients(loss, floatsOf(inputs)).flatMap((dx) => dx ?? []) : []
      const made = Object.fromEntries([...outputs, ...derived].map((y, i) => [`y${i}`, y]))
      return Buffer.from(lower(graphOf(made), { target: 'webgpu' })).toString('latin1')
    }),
  )
  for (const name of ['FusedMatMul', 'LogSoftmax'])
    expect(all.filter((model) => model.includes(name))).toEqual([])
})
