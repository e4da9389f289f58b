/** WebGPU computes what the processor computes: on SwiftShader, a GPU in software. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { gradients, graphOf, operators, type Tensor } from '../../src/graph/index.js'
import { type HostTensor, nativeRuntime, nativeRuntimeOn, type Runtime } from '../../src/runtime/index.js'
import { webgpuPresence } from '../../src/runtime/webgpu.js'
import type { TrainEvent } from '../../src/training/events.js'
import type { Trainer } from '../../src/training/trainer.js'
import { applySample, floatsOf, numbersOf, probe } from '../support/operators.js'
import { digestsOf, metricsOf, runTraining, writeWorld } from '../support/runs.js'
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
        await onDevice.parameters.gradients.fetch()
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

  test.each([
    { name: 'adamw', options: { weightDecay: 0.1 } },
    { name: 'adamw-torch', options: { weightDecay: 0.1 } },
    { name: 'adafactor', options: {} },
  ])(
    'weights and moments of $name stay there, over steps of two parts',
    async (optimizer) => {
      const { config, weights } = t5()
      const spec = specOf(config, 'lst')
      const trainers = [
        await trainerOf(spec, weights, { optimizer }),
        await trainerOf(spec, weights, { optimizer, runtime: device }),
      ] as const
      const [onHost, onDevice] = trainers
      const start = valuesOf(onDevice)
      for (let step = 0; step < 2; step++)
        for (const trainer of trainers) {
          for (const firstRow of [0, 2])
            await trainer.backward(randomBatch(step + firstRow, { batch: 2 }), { step, firstRow, samples: 4 })
          await trainer.update(1e-2)
        }
      expect(valuesOf(onDevice)).toEqual(start)
      await onDevice.parameters.fetch()
      const states = trainers.map((trainer) => ({ ...valuesOf(trainer), ...momentsOf(trainer) }))
      for (const [name, right] of Object.entries(states[0]!)) expectClose(states[1]![name]!, right, name)
      const moved = Object.entries(valuesOf(onHost)).filter(
        ([name, values]) => distance(values, start[name]!) > 1e-3,
      )
      expect(moved.length).toBeGreaterThan(Object.keys(start).length / 2)
      for (const trainer of trainers) trainer.close()
    },
    longestMs,
  )

  test('memory there gives back the bits that it got', async () => {
    const memory = await device.openMemory!()
    const [first, second] = [memory.room(7), memory.room(7)]
    const bits = Uint32Array.of(0, 1, 0x80000000, 0x7fc00123, 0xff800000, 0x00700000, 0x3f800001)
    await first.write(new Float32Array(bits.buffer))
    await second.copy(first)
    await first.write(new Float32Array(7))
    const got = new Float32Array(7)
    await second.read(got)
    expect(new Uint32Array(got.buffer)).toEqual(bits)
    for (const room of [first, second]) room.release()
    memory.close()
  })

  test(
    'a run that goes on there ends with the bits of one that never stopped',
    async () => {
      const folder = temporaryFolder()
      const world = await writeWorld(folder)
      const [whole, cut] = [join(folder, 'whole'), join(folder, 'cut')]
      const over = { maxSteps: 2, saveEvery: 1, keep: 9 }
      await runTraining(world, over, { run: whole, runtime: device })
      const stopAt = (event: TrainEvent) => event.kind === 'step' && event.step === 1
      await runTraining(world, over, { run: cut, stopAt, runtime: device })
      await runTraining(world, {}, { run: cut, resume: true, runtime: device })
      const files = [lastWeights, lastMoments]
      expect(digestsOf(cut, files)).toEqual(digestsOf(whole, files))
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

const [lastWeights, lastMoments] = ['adapter_model', 'optimizer'].map(
  (name) => `checkpoints/step-000002/${name}.safetensors`,
) as [string, string]

const copies = (tensors: Iterable<readonly [string, HostTensor]>) =>
  Object.fromEntries([...tensors].map(([name, { floats }]) => [name, floats.slice()]))

/** What the host knows of them. */
const valuesOf = ({ parameters }: Trainer) =>
  copies([...parameters.parameters.values()].map(({ name, value }) => [name, value]))
const momentsOf = ({ optimizer }: Trainer) => copies(optimizer.state().tensors)

const distance = (values: Float32Array, others: Float32Array) =>
  Math.hypot(...values.map((value, i) => value - others[i]!))

/** To 1e-4 of the tensor's norm. */
function expectClose(got: Float32Array, right: Float32Array, name: string): void {
  expect(distance(got, right), name).toBeLessThanOrEqual(1e-4 * Math.hypot(...right) + 1e-12)
}

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
