/** Where a ladder starts: weights cut out of its backbone, in a file or by name. */
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { methods } from '../../src/methods/index.js'
import { nativeRuntime } from '../../src/runtime/index.js'
import { openTokenizer } from '../../src/text/index.js'
import { openBackbone } from '../../src/training/backbone.js'
import type { PartialConfig } from '../../src/training/config.js'
import type { TrainEvent } from '../../src/training/events.js'
import {
  batchFeeds,
  fisherGraph,
  fisherImportance,
  prune,
  resolveConfig,
  sideInits,
} from '../../src/training/index.js'
import { ParameterStore } from '../../src/training/parameters.js'
import { openSideInit } from '../../src/training/sideInit/index.js'
import { openSession, startValues } from '../../src/training/weights.js'
import { type Checkpoint, openSafetensors, writeSafetensors } from '../../src/weights/index.js'
import { runTraining, type World, writeRunnableT5, writeWorld } from '../support/runs.js'
import { randomBatch, rowsOf, specOf, tinyT5 } from '../support/t5.js'
import { tinyBart } from '../support/tinyConfig.js'
import { folderOfFile } from '../support/weights.js'

const folder = folderOfFile()
let world: World
const sizes = { d_model: 24, d_kv: 10, num_heads: 3, d_ff: 44, num_layers: 2, num_decoder_layers: 2 }

beforeAll(async () => {
  world = { ...(await writeWorld(folder)), backbone: writeRunnableT5(join(folder, 'even'), sizes) }
})

const configOf = (over: PartialConfig = {}) =>
  resolveConfig([
    { backbone: world.backbone, dataset: world.dataset, vision: 'patches', seed: 5, threads: 2 },
    over,
    { methodOptions: { reductionFactor: 2, ...over.methodOptions } },
  ])

function contextOf(events: TrainEvent[] = []) {
  return {
    ...{ cache: world.cache, runtime: nativeRuntime, signal: new AbortController().signal },
    report: (event: TrainEvent) => void events.push(event),
  }
}

function specFor({ backbone, methodOptions }: ReturnType<typeof configOf>) {
  return specOf(openBackbone(backbone, { cache: world.cache }).config, 'lst', methodOptions, {
    vision: false,
  })
}

/** What a run with these settings would start from. */
async function startOf(over: PartialConfig, events?: TrainEvent[]): Promise<Checkpoint> {
  const config = configOf(over)
  return (await openSideInit(config, specFor(config), contextOf(events)))!
}

const withInit = (sideInit: string, more: Record<string, unknown> = {}): PartialConfig => ({
  methodOptions: { sideInit, ...more },
})

async function pruned(name: string, over: PartialConfig = {}): Promise<string> {
  const path = join(folder, `${name}-${Object.keys(over).length}.safetensors`)
  await prune(configOf({ ...over, ...withInit(name, over.methodOptions ?? {}) }), path, contextOf())
  return path
}

const valuesOf = (weights: Checkpoint) =>
  Object.fromEntries([...weights.tensors.keys()].sort().map((name) => [name, weights.readFloat32(name)]))

describe('by name', () => {
  test.each(['magnitude-v2', 'magnitude-stream', 'fisher-v2', 'fisher-stream'])(
    '%s gives what vl-lst prune writes',
    async (name) => {
      const file = await pruned(name)
      expect(valuesOf(await startOf(withInit(name)))).toEqual(valuesOf(await startOf(withInit(file))))
    },
  )

  test.each(['magnitude-v2', 'magnitude-stream', 'fisher-v2', 'fisher-bart'])(
    '%s of a BART starts both stacks of its ladder, biases and norms included',
    async (name) => {
      // The tokenizer is T5's, and so are its ids.
      const ids = { pad_token_id: 0, eos_token_id: 1, decoder_start_token_id: 0 }
      const backbone = writeRunnableT5(join(folder, 'bart'), { ...tinyBart, ...ids })
      const start = await startOf({ ...withInit(name), backbone })
      const [weights, shapes] = [openSafetensors(join(backbone, 'model.safetensors')), start.tensors]
      const block = 'model.decoder.side_block.1.'
      expect(shapes.get(`${block}encoder_attn.k_proj.weight`)!.shape).toEqual([12, 12])
      expect(shapes.get(`${block}fc1.bias`)!.shape).toEqual([16])
      expect(start.tensors.size).toBe(
        [...weights.tensors.keys()].filter((each) => /layers\.\d/.test(each)).length,
      )
      const norm = 'model.encoder.layers.0.final_layer_norm.weight'
      const own = weights.readFloat32(norm)
      for (const value of start.readFloat32(norm.replace('layers', 'side_block')))
        expect(own).toContain(value)
    },
  )

  test('magnitudes have signs, which the paper’s way for BART can’t take', () => {
    expect(sideInits.names).toContain('fisher-bart')
    expect(sideInits.names).not.toContain('magnitude-bart')
  })

  test('what was measured on the same samples once is found in the cache', async () => {
    const [first, again, other]: TrainEvent[][] = [[], [], []]
    const words = (events: TrainEvent[]) =>
      events.flatMap((event) =>
        event.kind === 'preparing' ? [`${event.what} ${event.done}/${event.total}`] : [],
      )
    await startOf(withInit('fisher-v2', { sideInitSamples: 3 }), first)
    await startOf(withInit('fisher-v2', { sideInitSamples: 3 }), again)
    await startOf({ ...withInit('fisher-v2', { sideInitSamples: 3 }), seed: 6 }, other)
    const told = [1, 2, 3].map((done) => `measuring importance ${done}/3`)
    expect([words(first!), words(again!), words(other!)]).toEqual([told, [], told])
  })

  test('random starts nothing, and neither does a method without ladder', async () => {
    const config = configOf(withInit('random'))
    expect(await openSideInit(config, specFor(config), contextOf())).toBeUndefined()
    const full = resolveConfig([{ method: 'full', backbone: world.backbone, dataset: world.dataset }])
    expect(await openSideInit(full, specFor(config), contextOf())).toBeUndefined()
  })

  test('all samples are taken where fewer than the reference takes are there; more than there are must not be asked for', async () => {
    const events: TrainEvent[] = []
    await startOf({ ...withInit('fisher-v2'), seed: 9 }, events)
    expect(events.filter(({ kind }) => kind === 'preparing')).toHaveLength(32)
    await expect(startOf(withInit('fisher-v2', { sideInitSamples: 33 }))).rejects.toThrow(
      'has 32 training samples, and Fisher importance is asked for on 33: ask for 32 or fewer',
    )
  })
})

describe('Fisher importance', () => {
  test('is the sum of squared gradients, sample by sample', async () => {
    const { config, weights } = tinyT5()
    const batch = randomBatch(3, { batch: 3, positions: 0, vocabulary: config.vocabSize })
    const samples = [0, 1, 2].map((row) => rowsOf(batch, row, row + 1))
    const built = fisherGraph(config)
    const store = new ParameterStore(
      built.parameters.map(({ name, shape }) => ({ name, shape, decays: true })),
    )
    startValues(store, built.parameters, weights, 0)
    const session = await openSession(built, weights, { runtime: nativeRuntime, threads: 2 })
    try {
      const parts = []
      for (const sample of samples) parts.push(await fisherImportance(session, store, [batchFeeds(sample)]))
      const whole = await fisherImportance(
        session,
        store,
        samples.map((sample) => batchFeeds(sample)),
      )
      for (const name of ['shared.weight', 'encoder.block.0.layer.0.SelfAttention.q.weight']) {
        const sum = whole.get(name)!
        const gradient = store.parameters.get(name)!.gradient.floats
        expect(parts[2]!.get(name)).toEqual(gradient.map((value) => value * value))
        expect(sum.some((value) => value > 0)).toBe(true)
        for (const [i, value] of sum.entries())
          expect(value).toBeCloseTo(
            parts.reduce((total, part) => total + part.get(name)![i]!, 0),
            6,
          )
      }
    } finally {
      session.close()
      store.release()
    }
  })
})

describe('from a file', () => {
  test('a ladder that keeps some layers takes those, and the position table for its first', async () => {
    const file = await pruned('magnitude-v2')
    const whole = openSafetensors(file)
    const start = await startOf(withInit(file, { encoderSideLayers: [1], decoderSideLayers: [] }))
    const table = (layer: number) =>
      `encoder.side_block.${layer}.layer.0.SelfAttention.relative_attention_bias.weight`
    expect(start.readFloat32(table(1))).toEqual(whole.readFloat32(table(0)))
    const names = [...start.tensors.keys()]
    expect(names.filter((name) => /side_block\.0|decoder\.side_block/.test(name))).toEqual([])
    const q = 'encoder.side_block.1.layer.0.SelfAttention.q.weight'
    expect(start.readFloat32(q)).toEqual(whole.readFloat32(q))
  })

  test('the text code base cuts the token table to the tokenizer before it chooses, the vision code does not', async () => {
    const tokens = openTokenizer(world.backbone).vocabularySize
    const startWith = (value: number, variant: 'vision' | 'text') => {
      const backbone = writeRunnableT5(join(folder, `rows-${value}`), sizes, (name, values) => {
        if (name === 'shared.weight')
          for (let i = tokens * sizes.d_model; i < values.length; i++)
            values[i] = i % sizes.d_model < 12 ? value : 0
      })
      return startOf({ ...withInit('magnitude-v2'), backbone, variant }).then(valuesOf)
    }
    const quiet = await startWith(0, 'vision')
    expect(await startWith(100, 'vision')).not.toEqual(quiet)
    expect(await startWith(100, 'text')).toEqual(quiet)
  })

  test('is what training starts from', async () => {
    const file = await pruned('magnitude-v2')
    const start = valuesOf(await startOf(withInit(file)))
    const run = join(folder, 'run')
    const over = { ...withInit(file, { reductionFactor: 2 }), maxSteps: 1, learningRate: 1e-30 }
    await runTraining(world, over, { run })
    const saved = valuesOf(openSafetensors(join(run, 'last', 'adapter_model.safetensors')))
    expect(saved).toMatchObject(start)
    expect(Object.keys(start).length).toBeGreaterThan(30)
    expect(saved['encoder.side_first_downsample.weight']).toBeDefined()
  })

  type Tensor = { readonly name: string; readonly shape: readonly number[]; data: Float32Array }
  const q = 'encoder.side_block.0.layer.0.SelfAttention.q.weight'

  /** A copy of a good file with other tensors or metadata. */
  async function spoiled(change: (tensor: Tensor) => Tensor | undefined, metadata?: Record<string, string>) {
    const good = openSafetensors(await pruned('magnitude-v2'))
    const path = join(folder, 'spoiled.safetensors')
    const tensors = [...good.tensors.values()].flatMap(
      ({ name, shape }) => change({ name, shape, data: good.readFloat32(name) }) ?? [],
    )
    writeSafetensors(
      path,
      tensors.map((tensor) => ({ ...tensor, dtype: 'F32' as const })),
      metadata ?? good.metadata,
    )
    return path
  }

  test.each<[string, string, () => Promise<PartialConfig>]>([
    [
      'another reduction',
      'was made for --reduction 2, and this run has --reduction 1: use --reduction 2, or make another file',
      async () => withInit(await pruned('magnitude-v2'), { reductionFactor: 1 }),
    ],
    [
      'another backbone of the same sizes',
      'whose weights are not those of',
      async () => ({
        ...withInit(await pruned('magnitude-v2')),
        backbone: writeRunnableT5(join(folder, 'other'), sizes, (name, values) => {
          if (name === 'decoder.block.1.layer.1.EncDecAttention.v.weight') values[0] = 0.5
        }),
      }),
    ],
    [
      'a tensor of another shape',
      `tensor "${q}" is (12, 15) where the ladder has (15, 12): make it anew by vl-lst prune`,
      async () => withInit(await spoiled((t) => (t.name === q ? { ...t, shape: [12, 15] } : t))),
    ],
    [
      'a tensor that is missing',
      `tensor "${q}" is missing: make it anew by vl-lst prune`,
      async () => withInit(await spoiled((t) => (t.name === q ? undefined : t))),
    ],
    [
      'a value that is no number',
      `tensor "${q}" has values that are not numbers: take a sound file`,
      async () =>
        withInit(
          await spoiled((t) => {
            if (t.name === q) t.data[7] = Number.NaN
            return t
          }),
        ),
    ],
    [
      'a file of something else',
      'does not say what it was made of: make it by vl-lst prune',
      async () => withInit(await spoiled((t) => t, {})),
    ],
    [
      'a file that says it in another way',
      'does not say what it was made of: make it by vl-lst prune',
      async () => withInit(await spoiled((t) => t, { vl_lst_side_weights: '{"reduction":' })),
    ],
    [
      'a name that was mistyped',
      '--side-init fisher-v: there is no such file; the nearest name is "fisher-v2": name a file of vl-lst prune, or',
      async () => withInit('fisher-v'),
    ],
  ])('%s is refused', async (_, message, over) => {
    await expect(startOf(await over())).rejects.toThrow(message)
  })
})

describe('what is refused before anything is written', () => {
  test.each<[string, string, () => PartialConfig]>([
    [
      'a reduction that leaves other sizes than the ladder has',
      'magnitude-v2 leaves "encoder.block.0.layer.0.layer_norm.weight" (5) where a ladder of --reduction 5 has (4)',
      () => withInit('magnitude-v2', { reductionFactor: 5 }),
    ],
    [
      'a reduction that leaves nothing',
      '--reduction 11 leaves nothing of a width of 10',
      () => withInit('magnitude-v2', { reductionFactor: 11 }),
    ],
    [
      'an importance whose rounding misses them',
      'magnitude-v5 leaves "encoder.block.0.layer.0.layer_norm.weight" (14) where a ladder of --reduction 2 has (12)',
      () => withInit('magnitude-v5'),
    ],
    [
      'an unknown importance',
      'unknown importance "fischer-v2"; the nearest is "fisher-v2"',
      () => withInit('fischer-v2'),
    ],
    [
      'weights that are no numbers',
      'tensor "encoder.block.0.layer.1.DenseReluDense.wi.weight" has values that are not numbers',
      () => ({
        ...withInit('magnitude-v2'),
        backbone: writeRunnableT5(join(folder, 'nan'), sizes, (name, values) => {
          if (name.endsWith('block.0.layer.1.DenseReluDense.wi.weight')) values[3] = Number.NaN
        }),
      }),
    ],
  ])('%s', async (_, message, over) => {
    const path = join(folder, 'never.safetensors')
    await expect(prune(configOf(over()), path, contextOf())).rejects.toThrow(message)
    expect(() => openSafetensors(path)).toThrow('there is no such file')
  })

  test('a method without ladder', async () => {
    const config = resolveConfig([{ method: 'full', backbone: world.backbone }])
    expect(methods.names).toContain('full')
    await expect(prune(config, join(folder, 'never.safetensors'), contextOf())).rejects.toThrow(
      'method full has no ladder to prune for: use --method lst',
    )
  })

  test('a measuring that is interrupted', async () => {
    const stop = new AbortController()
    const report = (event: TrainEvent) => void (event.kind === 'preparing' && stop.abort())
    const path = join(folder, 'never.safetensors')
    const pruning = prune(configOf(withInit('fisher-v2')), path, {
      ...contextOf(),
      report,
      signal: stop.signal,
    })
    expect(await pruning.catch((error: unknown) => error)).toBe(stop.signal.reason)
    expect(() => openSafetensors(path)).toThrow('there is no such file')
  })
})
