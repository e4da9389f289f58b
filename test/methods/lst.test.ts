/** The promises of Ladder Side-Tuning, in its own terms, on tiny random T5s; full fine-tuning is the measure. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ancestors } from '../../src/graph/gradient.js'
import { type Graph, graphOf, type Tensor } from '../../src/graph/index.js'
import { methods } from '../../src/methods/index.js'
import { gradientName } from '../../src/models/index.js'
import type { Backbone } from '../../src/training/backbone.js'
import { gradientGraph, type ModelSpec, modelParameters } from '../../src/training/graphs.js'
import { changed, randomBatch, snapshot, specOf, tinyT5, trainerOf } from '../support/t5.js'
import { valuesOf } from '../support/traced.js'
import { digest } from '../support/weights.js'

const hashOfFiles = ({ weights }: Backbone): string[] =>
  weights.files.map((file) => digest(readFileSync(file)))
/** Losses of `steps` steps on one batch; the last is the loss after the last step. */
async function lossesOf(spec: ModelSpec, { weights }: Backbone, steps: number): Promise<number[]> {
  const trainer = await trainerOf(spec, weights)
  try {
    const batch = randomBatch(1, spec.vision ? {} : { positions: 0 })
    const losses: number[] = []
    for (let step = 0; step <= steps; step++) {
      losses.push(await trainer.backward(batch, { step, firstRow: 0, samples: 1 }, {}))
      if (step < steps) await trainer.update(1e-2)
    }
    return losses
  } finally {
    trainer.close()
  }
}

describe.each(['lst', 'full'])('%s on pictures and text', (method) => {
  test('learns: the loss falls over 20 steps', async () => {
    const backbone = tinyT5()
    const losses = await lossesOf(specOf(backbone.config, method, {}), backbone, 20)
    expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]!)
  })
})

describe('what is frozen stays as it is', () => {
  test('lst changes no bit of the backbone, neither in the file nor in what it computes', async () => {
    const backbone = tinyT5()
    const spec = specOf(backbone.config, 'lst', { reductionFactor: 4 })
    const before = hashOfFiles(backbone)
    const plain = await valuesOf(spec, backbone, ['encoder'])
    const trainer = await trainerOf(spec, backbone.weights)
    const start = snapshot(trainer)
    for (let step = 0; step < 3; step++) {
      await trainer.backward(randomBatch(1), { step, firstRow: 0, samples: 1 })
      await trainer.update(1e-2)
    }
    expect([...start.keys()].filter((name) => backbone.weights.tensors.has(name))).toEqual([])
    expect(changed(start, snapshot(trainer))).toEqual([...start.keys()])
    trainer.close()
    expect(hashOfFiles(backbone)).toEqual(before)
    const after = await valuesOf(spec, backbone, ['encoder'])
    expect(digest(after.outputs.encoder!.data)).toBe(digest(plain.outputs.encoder!.data))
  })

  test('full changes every parameter, and keeps the checkpoint', async () => {
    const backbone = tinyT5()
    const before = hashOfFiles(backbone)
    const trainer = await trainerOf(specOf(backbone.config, 'full'), backbone.weights)
    const start = snapshot(trainer)
    await trainer.backward(randomBatch(1), { step: 0, firstRow: 0, samples: 1 })
    await trainer.update(1e-2)
    expect([...backbone.weights.tensors.keys()].filter((name) => !start.has(name))).toEqual([])
    expect(changed(start, snapshot(trainer))).toEqual([...start.keys()])
    trainer.close()
    expect(hashOfFiles(backbone)).toEqual(before)
  })
})

/** What the nodes that compute gradients read, and that they did not make themselves. */
function readByGradients({ outputs }: Graph): Tensor[] {
  const forward = new Set(ancestors([outputs.get('loss')!]))
  const gradients = [...outputs].filter(([name]) => name.startsWith(gradientName(''))).map(([, at]) => at)
  const backward = ancestors(gradients).filter((tensor) => !forward.has(tensor))
  return [...new Set(backward.flatMap(({ source }) => (source.kind === 'node' ? source.inputs : [])))].filter(
    (tensor) => forward.has(tensor),
  )
}

const backboneBlock = /^(encoder|decoder)\.block\./

describe('no gradient enters the backbone', () => {
  const inside = (tensor: Tensor): boolean => {
    const { source } = tensor
    if (source.kind === 'parameter') return backboneBlock.test(source.name)
    return source.kind === 'node' && backboneBlock.test(source.site)
  }

  test.each([
    { options: {} },
    { options: { variant: 'text', mergeLast: true } },
    { options: { variant: 'text', lambdaDistill: 0.5 } },
    { options: { reductionFactor: 1, gate: 'none' } },
  ])('lst $options: gradients read taps alone, nothing made inside a block', ({ options }) => {
    const { config } = tinyT5()
    const spec = specOf(config, 'lst', options)
    const { graph } = gradientGraph(spec)
    const gradients = [...graph.outputs.keys()].filter((name) => name.startsWith('grad/'))
    expect(gradients.filter((name) => !/side|visual_embedding/.test(name))).toEqual([])
    expect(gradients.length).toBeGreaterThan(20)
    expect(readByGradients(graph).filter(inside)).toEqual([])
  })

  test('full fine-tuning needs what is inside every block', () => {
    const { config } = tinyT5()
    const { graph } = gradientGraph(specOf(config, 'full'))
    const needed = new Set(
      readByGradients(graph)
        .filter(inside)
        .map(({ source }) => (source.kind === 'node' ? source.site : source.kind)),
    )
    for (const site of ['encoder.block.0.layer.0.SelfAttention', 'decoder.block.1.layer.1.EncDecAttention'])
      expect(needed).toContain(site)
  })
})

test('pictures matter to the loss of a ladder, and the backbone does not see them', async () => {
  const backbone = tinyT5()
  const spec = specOf(backbone.config, 'lst')
  const trainer = await trainerOf(spec, backbone.weights)
  const batch = randomBatch(1)
  const other = { ...batch, visFeats: randomBatch(2).visFeats }
  const [one, two] = [
    await trainer.backward(batch, { step: 0, firstRow: 0, samples: 1 }),
    await trainer.backward(other, { step: 0, firstRow: 0, samples: 1 }),
  ]
  expect(one).not.toBe(two)
  trainer.close()
  const { graph } = gradientGraph(spec, { extra: () => ({}) })
  const seen = new Map<string, Tensor>()
  gradientGraph(spec, { trace: (name, tensor) => seen.set(name, tensor) })
  expect(graph.inputs.has('visFeats')).toBe(true)
  expect([...graphOf({ encoder: seen.get('encoder')! }).inputs.keys()]).toEqual(['inputIds', 'attentionMask'])
})

test('reduction 1: the ladder is as wide as the backbone, without projections, and learns', async () => {
  const backbone = tinyT5()
  const spec = specOf(backbone.config, 'lst', { reductionFactor: 1 })
  const shapes = new Map(modelParameters(spec).map(({ name, shape }) => [name, shape]))
  const name = 'layer.0.SelfAttention.q.weight'
  expect(shapes.get(`encoder.side_block.0.${name}`)).toEqual(shapes.get(`encoder.block.0.${name}`))
  const losses = await lossesOf(spec, backbone, 20)
  expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]!)
})

test.each([
  { options: { variant: 'text', gate: 'schedule-linear' }, epochs: [0.1, 0.5, 0.9] },
  { options: { variant: 'text', gate: 'schedule-hyperbolic' }, epochs: [0.9, 0.5, 1 / 3] },
  { options: { variant: 'vision', gate: 'schedule-linear' }, epochs: undefined },
])('scheduled gates follow the epoch: $options', ({ options, epochs }) => {
  const method = methods.get('lst')
  const parsed = method.options.parse(options)
  const gates = [0, 1, 2].map((epoch) => method.schedules!(parsed, epoch, 3))
  if (!epochs) expect(gates).toEqual([{}, {}, {}])
  else for (const [i, gate] of gates.entries()) expect(gate.sideGate).toBeCloseTo(epochs[i]!, 12)
})
