/** Of CLIP's towers and loss what no recorded case looks at. */
import { expect, test } from 'vitest'
import { initialise } from '../../../src/models/index.js'
import { float32, type HostTensor, int64, nativeRuntime, type Tensors } from '../../../src/runtime/index.js'
import { createNorm, optimizers, ParameterStore } from '../../../src/training/index.js'
import {
  type ClipConfig,
  clipParameters,
  contrastiveGraph,
  readClipConfig,
  textGraph,
  visionGraph,
} from '../../../vl/index.js'
import { tinyClip } from '../../support/clip.js'

const config = readClipConfig(tinyClip, 'tiny')
const all = { trains: () => true }

/** Start values of every parameter; `change` may give others. */
function parametersOf(
  c: ClipConfig,
  change: (name: string, values: Float32Array) => void = () => {},
): Tensors {
  return Object.fromEntries(
    clipParameters(c).map(({ name, shape, initializer }) => {
      const values = new Float32Array(shape.reduce((a, b) => a * b, 1))
      initialise(values, initializer, 3, name)
      change(name, values)
      return [name, float32(shape, values)]
    }),
  )
}

async function run({ graph }: ReturnType<typeof visionGraph>, feeds: Tensors): Promise<Tensors> {
  const session = await nativeRuntime.createSession(graph, { threads: 1 })
  try {
    return await session.run(feeds)
  } finally {
    session.close()
  }
}

const random = (shape: readonly number[], name: string): HostTensor => {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1))
  initialise(values, { kind: 'normal', deviation: 1 }, 9, name)
  return float32(shape, values)
}

const ids = (...rows: readonly (readonly number[])[]) =>
  int64([rows.length, rows[0]!.length], BigInt64Array.from(rows.flat(), BigInt))
const ones = ({ shape, data }: HostTensor) => int64(shape, new BigInt64Array(data.length).fill(1n))

/** Φ by Simpson's rule. */
function normalShare(x: number): number {
  const [steps, width] = [2000, x / 2000]
  const density = (t: number) => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI)
  let sum = 0
  for (let i = 0; i <= steps; i++) sum += (i === 0 || i === steps ? 1 : i % 2 ? 4 : 2) * density(i * width)
  return 0.5 + (width / 3) * sum
}

test.each([
  ['gelu', (x: number) => x * normalShare(x)],
  ['quick_gelu', (x: number) => x / (1 + Math.exp(-1.702 * x))],
] as const)('hidden_act %s', async (activation, formula) => {
  const vision = { ...tinyClip.vision_config, intermediate_size: 64, hidden_act: activation }
  const c = readClipConfig({ ...tinyClip, vision_config: vision }, 'tiny')
  const bias = Float32Array.from({ length: 64 }, (_, i) => (i - 32) / 8)
  // Nothing but fc1's bias goes through, and fc2 hands it on.
  const parameters = parametersOf(c, (name, values) => {
    values.fill(0)
    if (name.endsWith('fc1.bias')) values.set(bias)
    if (name.endsWith('fc2.weight')) for (let i = 0; i < 64; i++) values[i * 65] = 1
  })
  const { lastHiddenState } = await run(visionGraph(c, { ...all, outputs: ['lastHiddenState'] }), {
    ...parameters,
    pixelValues: random([1, 3, 8, 8], 'pixels'),
  })
  for (const [i, value] of lastHiddenState!.floats.entries())
    expect(value).toBeCloseTo(formula(bias[i % 64]!), 5)
})

test.each([
  [
    'the first end token',
    7,
    [
      [1, 7, 3, 7, 9],
      [7, 10, 2, 2, 2],
      [1, 2, 3, 4, 7],
    ],
    [1, 0, 4],
  ],
  [
    'the largest id in old files',
    2,
    [
      [1, 7, 3, 2, 9],
      [7, 10, 2, 10, 2],
      [1, 9, 3, 4, 7],
    ],
    [4, 1, 1],
  ],
  ['the first token where there is none', 7, [[1, 2, 3, 4, 5]], [0]],
])('the pooled state of a text is that of %s', async (_, eos, rows, places) => {
  const c = { ...config, text: { ...config.text, eosTokenId: eos } }
  const { lastHiddenState, pooled } = await run(
    textGraph(c, { ...all, outputs: ['lastHiddenState', 'pooled'] }),
    { ...parametersOf(c), inputIds: ids(...rows) },
  )
  for (const [row, place] of places.entries())
    expect(pooled!.floats.slice(row * 64, (row + 1) * 64)).toEqual(
      lastHiddenState!.floats.slice((row * 5 + place) * 64, (row * 5 + place + 1) * 64),
    )
})

const batch = {
  pixelValues: random([3, 3, 8, 8], 'pixels'),
  inputIds: ids([1, 2, 10], [1, 3, 10], [1, 4, 10]),
}
const fed = { ...batch, attentionMask: ones(batch.inputIds) }

test('targets take the place of the diagonal', async () => {
  const parameters = parametersOf(config)
  const outputs = ['logitsPerImage']
  const plain = await run(contrastiveGraph(config, { outputs }), { ...parameters, ...fed })
  const withTargets = (values: readonly number[]) =>
    run(contrastiveGraph(config, { outputs, targets: true }), {
      ...{ ...parameters, ...fed },
      targets: float32([3, 3], values),
    })
  const same = await withTargets([1, 0, 0, 0, 1, 0, 0, 0, 1])
  expect(same.loss!.floats[0]).toBeCloseTo(plain.loss!.floats[0]!, 6)
  // The first and the third pair match each other too.
  const shares = [0.5, 0, 0.5, 0, 1, 0, 0.5, 0, 0.5]
  const shared = await withTargets(shares)
  const logits = [...shared.logitsPerImage!.floats]
  const entropy = (at: (row: number, column: number) => number) => {
    const rows = [0, 1, 2].map((row) => {
      const values = [0, 1, 2].map((column) => logits[at(row, column)]!)
      const total = Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0))
      return values.reduce((sum, value, column) => sum + shares[at(row, column)]! * (total - value), 0)
    })
    return rows.reduce((sum, value) => sum + value, 0) / 3
  }
  const want = (entropy((row, column) => row * 3 + column) + entropy((row, column) => column * 3 + row)) / 2
  expect(shared.loss!.floats[0]).toBeCloseTo(want, 5)
  expect(shared.loss!.floats[0]).not.toBeCloseTo(plain.loss!.floats[0]!, 3)
})

test('regions are places with texts of their own, and their loss is added', async () => {
  const parameters = parametersOf(config)
  const plain = await run(contrastiveGraph(config), { ...parameters, ...fed })
  const positions = (config.vision.imageSize / config.vision.patchSize) ** 2 + 1
  const lossOf = async (position: number) => {
    const shares = new Float32Array(3 * positions)
    for (let picture = 0; picture < 3; picture++) shares[picture * positions + position] = 1
    const { loss } = await run(contrastiveGraph(config, { regions: true }), {
      ...{ ...parameters, ...fed, regionIds: fed.inputIds, regionMask: fed.attentionMask },
      regions: float32([3, 1, positions], shares),
      regionTargets: float32([3, 1, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1]),
    })
    return loss!.floats[0]!
  }
  // The class token as the region of the whole text says the same again; a patch doesn't.
  expect(await lossOf(0)).toBeCloseTo(2 * plain.loss!.floats[0]!, 5)
  expect(await lossOf(1)).not.toBeCloseTo(2 * plain.loss!.floats[0]!, 3)
})

test('only what is asked for trains, and the frozen rest is not fed', () => {
  const { graph, parameters } = contrastiveGraph(config, {
    trains: (name) => name.endsWith('_projection.weight'),
  })
  const trained = ['text_projection.weight', 'visual_projection.weight']
  expect([...graph.outputs.keys()].sort()).toEqual([
    'grad/text_projection.weight',
    'grad/visual_projection.weight',
    'loss',
  ])
  expect(
    parameters
      .filter((parameter) => parameter.trained)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(trained)
  expect([...graph.inputs.keys()].sort()).toEqual(['attentionMask', 'inputIds', 'pixelValues', ...trained])
})

test('learns to tell three pictures apart from random weights', async () => {
  const { graph, parameters } = contrastiveGraph(config)
  const store = new ParameterStore(
    parameters.map(({ name, shape }) => ({ name, shape, decays: shape.length >= 2 })),
  )
  for (const { name, initializer } of parameters)
    initialise(store.parameters.get(name)!.value.floats, initializer, 1, name)
  const context = { runtime: nativeRuntime, threads: 1 }
  const session = await nativeRuntime.createSession(graph, { threads: 1 })
  const optimizer = await optimizers.get('adamw-torch').create(store, { weightDecay: 0.1 }, context)
  const norm = await createNorm(store, context)
  const values = Object.fromEntries([...store.parameters.values()].map(({ name, value }) => [name, value]))
  const gradients = Object.fromEntries(
    [...store.parameters.values()].map(({ name, gradient }) => [`grad/${name}`, gradient]),
  )
  const losses: number[] = []
  for (let step = 0; step < 80; step++) {
    const { loss } = await session.run({ ...fed, ...values }, gradients)
    losses.push(loss!.floats[0]!)
    expect(await norm.measure()).toBeGreaterThan(0)
    await optimizer.step({ learningRate: 1e-3, gradientScale: 1 })
  }
  expect(losses[0]).toBeGreaterThan(0.5)
  expect(losses.at(-1)).toBeLessThan(0.1)
  for (const resource of [session, optimizer, norm]) resource.close()
  store.release()
})
