/** WebGPU computes what the processor computes: on SwiftShader, a GPU in software. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { gradients, graphOf, operators, type Tensor } from '../../src/graph/index.js'
import { nativeRuntime, nativeRuntimeOn, type Runtime } from '../../src/runtime/index.js'
import { webgpuPresence } from '../../src/runtime/webgpu.js'
import type { Trainer } from '../../src/training/trainer.js'
import { applySample, floatsOf, numbersOf, probe } from '../support/operators.js'
import { metricsOf, runTraining, writeWorld } from '../support/runs.js'
import { hasSwiftShader, useSwiftShader } from '../support/swiftShader.js'
import { randomBatch, specOf, tinyBartBackbone, tinyT5, trainerOf } from '../support/t5.js'
import { temporaryFolder } from '../support/weights.js'

/** SwiftShader compiles every shader on the processor. */
const longestMs = 600_000

const device = nativeRuntimeOn({ kind: 'webgpu', index: 0 })

describe.skipIf(!hasSwiftShader)('on SwiftShader', () => {
  beforeAll(() => useSwiftShader())

  test('there is one device, by its own name', () => {
    expect(webgpuPresence().devices).toEqual([expect.stringMatching(/^SwiftShader/)])
  })

  const cases = operators.entries.flatMap((operator) =>
    operator.samples.map((sample) => ({ name: operator.name, operator, sample })),
  )
  test.each(cases)('$name and its gradient: $sample', async ({ operator, sample }) => {
    const { inputs, outputs, feeds } = applySample(operator, sample, 'float32', 3)
    const made: Record<string, Tensor> = Object.fromEntries(outputs.map((y, i) => [`y${i}`, y]))
    // A cast's gradient begins in float64, which no GPU has.
    if (operator.gradient && operator.name !== 'cast') {
      for (const [i, dx] of gradients(probe(floatsOf(outputs), 7, feeds), floatsOf(inputs)).entries())
        if (dx) made[`dx${i}`] = dx
    }
    const graph = graphOf(made)
    const run = async (runtime: Runtime) => {
      const session = await runtime.createSession(graph, { threads: 1 })
      const results = await session.run(feeds)
      session.close()
      return results
    }
    const [right, got] = [await run(nativeRuntime), await run(device)]
    for (const name of Object.keys(made)) {
      const values = numbersOf(got[name]!)
      numbersOf(right[name]!).forEach((value, i) => {
        expect(Math.abs(values[i]! - value), `${name} at ${i}`).toBeLessThan(1e-4 * (1 + Math.abs(value)))
      })
    }
  })

  const t5 = () => tinyT5({ num_layers: 1, num_decoder_layers: 1 })
  test.each([
    { model: 'T5', method: 'lst', backbone: t5, dropout: 0.1 },
    { model: 'T5', method: 'full', backbone: t5, dropout: 0 },
    { model: 'BART', method: 'full', backbone: tinyBartBackbone, dropout: 0 },
  ])(
    'three steps: $model, $method, dropout $dropout',
    async ({ method, backbone, dropout }) => {
      const { config, weights } = backbone()
      const spec = specOf(config, method, {}, { dropout })
      const batch = randomBatch(6, { batch: 3 })
      const onHost = await trainerOf(spec, weights)
      const profilePrefix = join(temporaryFolder(), 'profile')
      const onDevice = await trainerOf(spec, weights, { runtime: device, profilePrefix })
      for (let step = 0; step < 3; step++) {
        const place = { step, samples: batch.batch, firstRow: 0 }
        const loss = await onHost.backward(batch, place)
        expect(Math.abs((await onDevice.backward(batch, place)) - loss)).toBeLessThan(1e-4 * loss)
        expect(largestDifference(onHost, onDevice)).toBeLessThan(1e-4)
        const norms = [await onHost.update(1e-3), await onDevice.update(1e-3)]
        expect(Math.abs(norms[1]! - norms[0]!)).toBeLessThan(1e-4 * norms[0]!)
      }
      const onProcessor = processorOperators(onDevice.endProfiling())
      onHost.close()
      onDevice.close()
      expect(onProcessor.filter((name) => !fallsBack.includes(name))).toEqual([])
    },
    longestMs,
  )

  test(
    'a run: trained, scored and answered there',
    async () => {
      const folder = temporaryFolder()
      const world = await writeWorld(folder)
      const runs = { host: nativeRuntime, device }
      for (const [name, runtime] of Object.entries(runs))
        await runTraining(world, { dropout: 0.1, maxSteps: 2 }, { run: join(folder, name), runtime })
      const [right, got] = Object.keys(runs).map((name) => metricsOf(join(folder, name)))
      expect(got).toHaveLength(right!.length)
      right!.forEach((step, i) => {
        for (const [name, value] of Object.entries(step) as [string, number][])
          expect(Math.abs(Number(got![i]![name]) - value), name).toBeLessThanOrEqual(1e-4 * Math.abs(value))
      })
      const answers = (name: string) => readFileSync(join(folder, name, 'predictions', 'test.json'), 'utf8')
      expect(answers('device')).toBe(answers('host'))
    },
    longestMs,
  )
})

/** Sizes, and the distinct numbers of an embedding's rows: all small. */
const fallsBack = ['Shape', 'Squeeze', 'Unique']

/** What a profile says that ran on the processor. */
function processorOperators(profile: string): readonly string[] {
  const events = JSON.parse(readFileSync(profile, 'utf8')) as readonly {
    readonly cat: string
    readonly args?: { readonly provider?: string; readonly op_name?: string }
  }[]
  const names = events.flatMap(({ args }) =>
    args?.provider === 'CPUExecutionProvider' ? [args.op_name ?? ''] : [],
  )
  return [...new Set(names)]
}

/** Of all gradients: the norm of the difference by that of the gradient, or by a thousandth of them all. */
function largestDifference(right: Trainer, got: Trainer): number {
  const norm = (values: Float32Array) => Math.hypot(...values)
  const all = [...right.parameters.parameters.values()]
  const total = Math.hypot(...all.map(({ gradient }) => norm(gradient.floats)))
  const differences = all.map(({ name, gradient }) => {
    const other = got.parameters.parameters.get(name)!.gradient.floats
    const difference = gradient.floats.map((value, i) => value - other[i]!)
    return norm(difference) / Math.max(norm(gradient.floats), total / 1000)
  })
  return Math.max(...differences)
}
