/** The promises of Ladder Side-Tuning, in its own terms, on tiny random T5s. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import { ancestors } from '../../src/graph/gradient.js'
import { type Graph, graphOf, type Tensor } from '../../src/graph/index.js'
import { methods } from '../../src/methods/index.js'
import { nativeRuntime } from '../../src/runtime/index.js'
import type { Backbone } from '../../src/training/backbone.js'
import { batchFeeds } from '../../src/training/feeds.js'
import { gradientGraph, gradientName, type ModelSpec, modelParameters } from '../../src/training/graphs.js'
import { ParameterStore } from '../../src/training/parameters.js'
import { openSession, startValues } from '../../src/training/weights.js'
import { randomBatch, snapshot, specOf, tinyT5, trainerOf } from '../support/t5.js'
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

/** Values that a model computes on the way, by the names of the recorded cases, and its gradients. */
async function valuesOf(spec: ModelSpec, { weights }: Backbone, names: readonly string[]) {
  const seen = new Map<string, Tensor>()
  const built = gradientGraph(spec, {
    trace: (name, tensor) => seen.set(name, tensor),
    extra: () => Object.fromEntries(names.map((name) => [name, seen.get(name)!])),
  })
  const store = new ParameterStore(
    built.parameters.filter(({ trained }) => trained).map((parameter) => ({ ...parameter, decays: true })),
  )
  startValues(store, built.parameters, weights, 3)
  const session = await openSession(built, weights, { runtime: nativeRuntime, threads: 2 })
  try {
    const values = Object.fromEntries([...store.parameters].map(([name, { value }]) => [name, value]))
    const outputs = await session.run({ ...batchFeeds(randomBatch(1)), ...values })
    return { outputs, parameters: store.parameters }
  } finally {
    session.close()
  }
}

const stacks = ['encoder', 'decoder'] as const
const namesOf = (spec: ModelSpec): string[] =>
  modelParameters(spec)
    .filter(({ trained }) => trained)
    .map(({ name }) => name)
    .sort()

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

/** Names of the parameters of which some element differs. */
const changed = (a: Map<string, Float32Array>, b: Map<string, Float32Array>): string[] =>
  [...a.keys()].filter((name) => a.get(name)!.some((value, i) => value !== b.get(name)![i]))

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

describe('trained parameters are the specification’s', () => {
  const attention = (at: string, kind: string) =>
    ['q', 'k', 'v', 'o'].map((name) => `${at}.${kind}.${name}.weight`)

  /** Weights of one T5 block, but for its position table. */
  function blockNames(at: string, decoder: boolean): string[] {
    const last = `${at}.layer.${decoder ? 2 : 1}`
    return [
      ...attention(`${at}.layer.0`, 'SelfAttention'),
      `${at}.layer.0.layer_norm.weight`,
      ...(decoder
        ? [...attention(`${at}.layer.1`, 'EncDecAttention'), `${at}.layer.1.layer_norm.weight`]
        : []),
      ...['DenseReluDense.wi.weight', 'DenseReluDense.wo.weight', 'layer_norm.weight'].map(
        (name) => `${last}.${name}`,
      ),
    ]
  }

  const visual = [
    ...['feat_embedding.0.weight', 'feat_embedding.0.bias', 'feat_embedding.1.weight'],
    ...['absolute_vis_pos_embedding.0.weight', 'absolute_vis_pos_embedding.0.bias'],
    ...['absolute_vis_pos_embedding.1.weight', 'img_order_embedding.weight'],
  ].map((name) => `encoder.visual_embedding.${name}`)

  const linear = (at: string) => [`${at}.weight`, `${at}.bias`]

  /** vl-model.md §4.2 */
  function ladderNames(kept: Record<(typeof stacks)[number], readonly number[]>): string[] {
    return [
      ...visual,
      ...linear('side_final_upsample'),
      ...stacks.flatMap((stack) => [
        ...linear(`${stack}.side_first_downsample`),
        ...kept[stack].flatMap((layer) => [
          ...linear(`${stack}.side_downsamples.${layer}`),
          ...blockNames(`${stack}.side_block.${layer}`, stack === 'decoder'),
        ]),
        `${stack}.side_block.${kept[stack][0]}.layer.0.SelfAttention.relative_attention_bias.weight`,
        ...Array.from({ length: layersOf[stack] }, (_, layer) => `${stack}.side_gate_params.${layer}`),
        `${stack}.final_side_layer_norm.weight`,
      ]),
    ].sort()
  }

  const layersOf = { encoder: 4, decoder: 2 }
  const all = { encoder: [0, 1, 2, 3], decoder: [0, 1] }

  test('lst', () => {
    const { config } = tinyT5()
    expect(namesOf(specOf(config, 'lst'))).toEqual(ladderNames(all))
  })

  test('lst with dropped layers: their gates are there, and get no gradient', async () => {
    const backbone = tinyT5()
    const kept = { encoder: [1, 3], decoder: [1] }
    const spec = specOf(backbone.config, 'lst', { encoderSideLayers: [1, 3], decoderSideLayers: [1] })
    expect(namesOf(spec)).toEqual(ladderNames(kept))
    const dropped = ['encoder.side_gate_params.0', 'encoder.side_gate_params.2', 'decoder.side_gate_params.0']
    const { graph } = gradientGraph(spec)
    const reached = namesOf(spec).filter((name) => graph.outputs.has(gradientName(name)))
    expect(reached).toEqual(namesOf(spec).filter((name) => !dropped.includes(name)))
    const trainer = await trainerOf(spec, backbone.weights, {
      optimizer: { name: 'adamw', options: { weightDecay: 0.1 } },
    })
    const start = snapshot(trainer)
    await trainer.backward(randomBatch(1), { step: 0, firstRow: 0, samples: 1 })
    await trainer.update(1e-2)
    const still = [...start.keys()].filter((name) => !changed(start, snapshot(trainer)).includes(name))
    expect(still.sort()).toEqual([...dropped].sort())
    trainer.close()
  })

  test('lst without pictures, at the backbone’s own width, pooled, without biases', () => {
    const { config } = tinyT5()
    const without = (pattern: RegExp) => ladderNames(all).filter((name) => !pattern.test(name))
    expect(namesOf(specOf(config, 'lst', {}, { vision: false }))).toEqual(without(/visual/))
    expect(namesOf(specOf(config, 'lst', { reductionFactor: 1 }))).toEqual(without(/sample/))
    expect(namesOf(specOf(config, 'lst', { downsamplePool: true }))).toEqual(without(/side_downsamples/))
    expect(namesOf(specOf(config, 'lst', { samplingBias: false }))).toEqual(without(/sample.*bias/))
    for (const gate of ['one', 'none', 'schedule-linear'])
      expect(namesOf(specOf(config, 'lst', { gate }))).toEqual(without(/gate/))
  })

  test.each([
    [true, 'shared.weight'],
    [false, 'lm_head.weight'],
  ])('lst with its head unfrozen, tied: %s', (tied, name) => {
    const { config } = tinyT5({ tie_word_embeddings: tied })
    expect(namesOf(specOf(config, 'lst', { unfreezeHead: true }))).toEqual([...ladderNames(all), name].sort())
  })

  test('lst with a head of its own, frozen or not; it has no place for pictures', () => {
    const { config } = tinyT5()
    const text = (options: Readonly<Record<string, unknown>>) =>
      namesOf(specOf(config, 'lst', { ownHead: true, variant: 'text', ...options }, { vision: false }))
    const own = ['side_shared.weight', 'side_lm_head.weight', 'side_lm_gate', 'side_lm_gate_params.0']
    const others = ladderNames(all).filter((name) => !/visual|first_downsample|final_upsample/.test(name))
    expect(text({})).toEqual([...others, ...own].sort())
    expect(text({ freezeOwnHead: true })).toEqual(text({}).filter((name) => name !== 'side_lm_head.weight'))
    const pictures = () => modelParameters(specOf(config, 'lst', { ownHead: true }))
    expect(pictures).toThrow(UserError)
    expect(pictures).toThrow('"ownHead"')
  })

  test('full, and with layers that stay frozen', () => {
    const backbone = tinyT5()
    const text = specOf(backbone.config, 'full', {}, { vision: false })
    const every = [...backbone.weights.tensors.keys()].sort()
    expect(namesOf(text)).toEqual(every)
    expect(namesOf(specOf(backbone.config, 'full'))).toEqual([...every, ...visual].sort())
    const some = { encoderTrainableLayers: [3], decoderTrainableLayers: [] }
    const partly = specOf(backbone.config, 'full', some, { vision: false })
    expect(namesOf(partly)).toEqual(
      every.filter((name) => !backboneBlock.test(name) || name.startsWith('encoder.block.3.')),
    )
  })

  test('an option that a method does not have is refused', () => {
    for (const { options } of methods.entries)
      expect(options.safeParse({ reductionfactor: 4 }).success).toBe(false)
  })
})

describe('the ladder’s own arithmetic', () => {
  /** rows × Wᵀ + b in float64; W [out, width] */
  function project(rows: ArrayLike<number>, weight: Float32Array, bias: Float32Array): number[] {
    const width = weight.length / bias.length
    return Array.from({ length: (rows.length / width) * bias.length }, (_, i) => {
      const [row, column] = [Math.floor(i / bias.length), i % bias.length]
      let sum = bias[column]!
      for (let k = 0; k < width; k++) sum += rows[row * width + k]! * weight[column * width + k]!
      return sum
    })
  }

  /** Every stretch of `width` divided by its root mean square. */
  const normed = (values: Float32Array, width: number): Float64Array =>
    Float64Array.from(values, (value, i) => {
      const row = values.subarray(i - (i % width), i - (i % width) + width)
      return value / Math.sqrt(row.reduce((sum, x) => sum + x ** 2, 0) / width + 1e-6)
    })

  test.each([false, true])('a tap is scaled down, normalised before if asked: %s', async (tapNorm) => {
    const backbone = tinyT5()
    const spec = specOf(backbone.config, 'lst', { reductionFactor: 4, tapNorm })
    const taps = stacks.flatMap((stack) => [`tap.${stack}.1`, `down.${stack}.1`])
    const { outputs, parameters } = await valuesOf(spec, backbone, taps)
    for (const stack of stacks) {
      const tap = outputs[`tap.${stack}.1`]!.floats
      const [weight, bias] = ['weight', 'bias'].map(
        (name) => parameters.get(`${stack}.side_downsamples.1.${name}`)!.value.floats,
      )
      const want = project(tapNorm ? normed(tap, 24) : tap, weight!, bias!)
      expectNear(outputs[`down.${stack}.1`]!.floats, want)
    }
  })

  test('it starts from the text’s embeddings, scaled down, with the pictures behind them', async () => {
    const backbone = tinyT5()
    const spec = specOf(backbone.config, 'lst', { reductionFactor: 4 })
    const { outputs, parameters } = await valuesOf(spec, backbone, ['vis_embeds', 'side.encoder.first'])
    const { batch, text, positions, inputIds } = randomBatch(1)
    const first = parts(outputs['side.encoder.first']!.floats, text, text + positions, batch)
    const [weight, bias] = ['weight', 'bias'].map(
      (name) => parameters.get(`encoder.side_first_downsample.${name}`)!.value.floats,
    )
    const table = backbone.weights.readFloat32('shared.weight')
    const embedding = Array.from(inputIds, (id) => [
      ...table.subarray(Number(id) * 24).subarray(0, 24),
    ]).flat()
    expectNear(Float32Array.from(first.text), project(embedding, weight!, bias!))
    expectNear(Float32Array.from(first.pictures), project(outputs.vis_embeds!.floats, weight!, bias!))
  })

  /** Largest difference, in units of the largest magnitude. */
  function expectNear(got: Float32Array, want: readonly number[]): void {
    expect(got).toHaveLength(want.length)
    const scale = Math.max(...want.map(Math.abs))
    const error = got.reduce((most, value, i) => Math.max(most, Math.abs(value - want[i]!)), 0)
    expect(error / scale).toBeLessThan(1e-5)
  }

  /** The text rows and the picture rows of a state [batch, text + positions, width]. */
  function parts(values: Float32Array, text: number, rows: number, batch: number) {
    const width = values.length / rows / batch
    const of = (from: number, to: number) =>
      Array.from({ length: batch }, (_, b) => [
        ...values.subarray((b * rows + from) * width, (b * rows + to) * width),
      ]).flat()
    return { text: of(0, text), pictures: of(text, rows) }
  }

  const gate = 1 / (1 + Math.exp(-0.05 / 0.1))

  test.each([
    { options: { gateImageRows: true }, pictures: (s: number) => gate * s },
    { options: { gateImageRows: false }, pictures: (s: number) => s },
    { options: { gate: 'one', gateImageRows: true }, pictures: (s: number) => s, g: 1 },
    { options: { gate: 'none', gateImageRows: true }, pictures: (s: number) => s, added: true },
  ])('picture rows have no tap: $options', async ({ options, pictures, g = gate, added = false }) => {
    const backbone = tinyT5()
    const spec = specOf(backbone.config, 'lst', { reductionFactor: 4, gateAlpha: 0.05, ...options })
    const { outputs } = await valuesOf(spec, backbone, [
      'side.encoder.first',
      'down.encoder.0',
      'side.encoder.0.in',
    ])
    const { batch, text, positions } = randomBatch(1)
    const [first, mixed] = ['side.encoder.first', 'side.encoder.0.in'].map((name) =>
      parts(outputs[name]!.floats, text, text + positions, batch),
    )
    const tap = outputs['down.encoder.0']!.floats
    expectNear(
      Float32Array.from(mixed!.text),
      first!.text.map((s, i) => (added ? s + tap[i]! : g * s + (1 - g) * tap[i]!)),
    )
    expectNear(Float32Array.from(mixed!.pictures), first!.pictures.map(pictures))
    if (!options.gateImageRows) expect(mixed!.pictures).toEqual(first!.pictures)
  })

  test('mixed after the block, picture rows stay as the block left them', async () => {
    const backbone = tinyT5()
    const names = ['side.encoder.0', 'side.encoder.1.in', 'down.encoder.0']
    const options = { reductionFactor: 4, residualAfter: true }
    const run = async (gateImageRows: boolean) => {
      const spec = specOf(backbone.config, 'lst', { ...options, gateImageRows })
      const { outputs } = await valuesOf(spec, backbone, names)
      const { batch, text, positions } = randomBatch(1)
      return parts(outputs['side.encoder.0']!.floats, text, text + positions, batch)
    }
    const [gated, free] = [await run(true), await run(false)]
    expect(gated.text).toEqual(free.text)
    expectNear(
      Float32Array.from(gated.pictures),
      free.pictures.map((s) => 0.5 * s),
    )
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
    expect([...graphOf({ encoder: seen.get('encoder')! }).inputs.keys()]).toEqual([
      'inputIds',
      'attentionMask',
    ])
  })
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
