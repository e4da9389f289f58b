/** The promises of every method but the ladder's, on tiny random T5s and BARTs. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import { printGraph } from '../../src/graph/index.js'
import { methods } from '../../src/methods/index.js'
import { nativeRuntime, type Tensors } from '../../src/runtime/index.js'
import type { Backbone } from '../../src/training/backbone.js'
import { batchFeeds } from '../../src/training/feeds.js'
import {
  decodeGraph,
  encodeGraph,
  gradientGraph,
  type ModelSpec,
  modelParameters,
} from '../../src/training/graphs.js'
import { ParameterStore } from '../../src/training/parameters.js'
import { openSession, startValues } from '../../src/training/weights.js'
import { changed, randomBatch, snapshot, specOf, tinyBartBackbone, tinyT5, trainerOf } from '../support/t5.js'
import { digest } from '../support/weights.js'

type Given = Readonly<Record<string, unknown>>

const backbones = { t5: tinyT5, bart: tinyBartBackbone } as const

/** Small enough for a width of 24. */
const small: Readonly<Record<string, Given>> = {
  adapter: { reductionFactor: 4 },
  bitfit: {},
  lora: { rank: 3 },
  prompt: { promptLength: 3, promptWidth: 5 },
  lst: { reductionFactor: 2 },
}

const table = Object.keys(backbones).flatMap((type) =>
  Object.keys(small).flatMap((method) =>
    (['vision', 'text'] as const).map((variant) => ({ type, method, variant }) as const),
  ),
)

const open = (type: string): Backbone => backbones[type as keyof typeof backbones]()

const specFor = (
  { config }: Backbone,
  { method, variant }: { readonly method: string; readonly variant: string },
  more: Given = {},
): ModelSpec =>
  specOf(config, method, { ...small[method], variant, ...more }, { vision: variant === 'vision' })

const batchFor = (spec: ModelSpec) => randomBatch(1, spec.vision ? {} : { positions: 0 })

const place = { step: 0, firstRow: 0, samples: 1 }

async function lossOf(spec: ModelSpec, { weights }: Backbone): Promise<number> {
  const trainer = await trainerOf(spec, weights)
  try {
    return await trainer.backward(batchFor(spec), place)
  } finally {
    trainer.close()
  }
}

const trainedNames = (spec: ModelSpec) =>
  modelParameters(spec)
    .filter(({ trained }) => trained)
    .map(({ name }) => name)

describe.each(table)('$method on $type, variant $variant', (row) => {
  test('learns, moves what it trains, and leaves every other bit as it was', async () => {
    const backbone = open(row.type)
    const spec = specFor(backbone, row)
    const file = backbone.weights.files[0]!
    const before = digest(readFileSync(file))
    const trainer = await trainerOf(spec, backbone.weights)
    const start = snapshot(trainer)
    expect([...start.keys()].sort()).toEqual(trainedNames(spec).sort())
    const losses: number[] = []
    for (let step = 0; step < 20; step++) {
      losses.push(await trainer.backward(batchFor(spec), { ...place, step }))
      await trainer.update(2e-2)
    }
    const moved = changed(start, snapshot(trainer))
    trainer.close()
    expect(losses.at(-1)).toBeLessThan(0.97 * losses[0]!)
    // Softmax doesn't see a bias of keys; T5's own heads' other rows move by rounding alone.
    const still = [...start.keys()].filter((name) => !moved.includes(name))
    expect(still.filter((name) => !/\.k(_proj)?\.bias$/.test(name))).toEqual([])
    expect(digest(readFileSync(file))).toBe(before)
  })

  test('prediction computes what training computes', async () => {
    const backbone = open(row.type)
    const spec = specFor(backbone, row)
    const batch = batchFor(spec)
    const built = {
      gradients: gradientGraph(spec, { extra: ({ logits }) => ({ logits }) }),
      ...{ encoder: encodeGraph(spec), decoder: decodeGraph(spec) },
    }
    const store = new ParameterStore(
      modelParameters(spec)
        .filter(({ trained }) => trained)
        .map((parameter) => ({ ...parameter, decays: true })),
    )
    startValues(store, modelParameters(spec), backbone.weights, 3)
    const values = Object.fromEntries([...store.parameters].map(([name, { value }]) => [name, value]))
    const run = async (name: keyof typeof built, feeds: Tensors) => {
      const session = await openSession(built[name], backbone.weights, { runtime: nativeRuntime, threads: 2 })
      try {
        return await session.run({ ...feeds, ...values })
      } finally {
        session.close()
      }
    }
    const feeds = batchFeeds(batch)
    const { logits } = await run('gradients', feeds)
    const state = await run('encoder', feeds)
    const predicted = (await run('decoder', { ...feeds, ...state })).logits!.floats
    const vocabulary = predicted.length / batch.batch
    const last = Array.from({ length: batch.batch }, (_, sample) => {
      const end = (sample + 1) * batch.target * vocabulary
      return [...logits!.floats.subarray(end - vocabulary, end)]
    }).flat()
    const largest = Math.max(...last.map(Math.abs))
    const off = Math.max(...last.map((value, i) => Math.abs(value - predicted[i]!)))
    expect(off).toBeLessThan(1e-5 * largest)
  })
})

test.each(['t5', 'bart'])('sites that a method does not use leave no trace in the graph of %s', (type) => {
  const { config } = open(type)
  const frozen = (method: string, options: Given) => {
    const spec = specOf(config, method, options)
    return printGraph(encodeGraph({ ...spec, method: { ...spec.method, trains: () => false } }).graph)
  }
  const plain = frozen('full', {})
  expect(frozen('lora', { targets: [] })).toBe(plain)
  expect(frozen('adapter', { encoderAddedLayers: [] })).toBe(plain)
  if (type === 'bart') expect(frozen('bitfit', {})).toBe(plain)
  expect(frozen('lora', {})).not.toBe(plain)
})

test('prompts in front of BART’s decoder are part of prediction, and of the loss', async () => {
  const backbone = tinyBartBackbone()
  const loss = (decoderPromptLength: number) =>
    lossOf(specFor(backbone, { method: 'prompt', variant: 'vision' }, { decoderPromptLength }), backbone)
  expect(await loss(2)).not.toBe(await loss(0))
  const spec = specFor(backbone, { method: 'prompt', variant: 'vision' }, { decoderPromptLength: 2 })
  expect([...decodeGraph(spec).graph.inputs.keys()]).toContain(
    'model.prompt_modules.prompts.default.prefix_embedding.0.weight',
  )
})

describe('lora starts as the backbone', () => {
  test.each(['t5', 'bart'])('%s: the first loss is the very loss of the backbone', async (type) => {
    const backbone = open(type)
    for (const variant of ['vision', 'text']) {
      const spec = specFor(backbone, { method: 'lora', variant })
      const plain = specOf(backbone.config, 'full', {}, { vision: variant === 'vision' })
      expect(await lossOf(spec, backbone)).toBe(await lossOf(plain, backbone))
    }
  })
})

describe('start values', () => {
  const startsOf = (spec: ModelSpec, pattern: RegExp) =>
    new Set(
      modelParameters(spec)
        .filter(({ name }) => pattern.test(name))
        .map(({ initializer }) => JSON.stringify(initializer)),
    )
  const zero = new Set(['{"kind":"constant","value":0}'])

  test('T5’s new biases: random at attention and head in the vision code, unless told otherwise', () => {
    const backbone = tinyT5()
    const bitfit = (variant: string, more: Given = {}) =>
      specFor(backbone, { method: 'bitfit', variant }, more)
    const drawn = /(\.[qkvo]|lm_head)\.bias$/
    expect(startsOf(bitfit('vision'), drawn)).toEqual(
      new Set([24, 30].map((width) => `{"kind":"uniform","bound":${width ** -0.5}}`)),
    )
    expect(startsOf(bitfit('vision'), /(wi|wo|layer_norm)\.bias$/)).toEqual(zero)
    expect(startsOf(bitfit('vision', { zeroStart: true }), /^(?!.*visual).*\.bias$/)).toEqual(zero)
    expect(startsOf(bitfit('text'), /\.bias$/)).toEqual(zero)
  })

  test('adapters: as the code base and the architecture have it', () => {
    const adapter = (type: string, variant: string) => specFor(open(type), { method: 'adapter', variant })
    const down = /down_sampler\.weight$/
    expect(startsOf(adapter('t5', 'vision'), down)).toEqual(
      new Set([`{"kind":"uniform","bound":${24 ** -0.5}}`]),
    )
    expect(startsOf(adapter('t5', 'text'), down)).toEqual(new Set(['{"kind":"normal","deviation":0.01}']))
    expect(startsOf(adapter('bart', 'vision'), down)).toEqual(new Set(['{"kind":"normal","deviation":0.3}']))
  })

  test('prompts of the text code: noise, or uniform', () => {
    const prompt = (more: Given) => specFor(tinyT5(), { method: 'prompt', variant: 'text' }, more)
    expect(startsOf(prompt({}), /prefix_shared/)).toEqual(new Set(['{"kind":"normal","deviation":1}']))
    expect(startsOf(prompt({ promptStart: 'uniform' }), /prefix_shared/)).toEqual(
      new Set(['{"kind":"uniform","bound":0.5}']),
    )
  })
})

describe('what of the backbone trains', () => {
  const names = (type: string, method: string, variant: string, more: Given = {}) =>
    trainedNames(specFor(open(type), { method, variant }, more))
  const norms = (list: readonly string[]) =>
    list.filter((name) => /layer_?norm(_embedding)?\.weight$/.test(name))

  test('T5’s norms stay frozen beside the vision code’s adapters, as there, unless they are asked for', () => {
    expect(norms(names('t5', 'adapter', 'vision'))).toEqual([])
    expect(norms(names('t5', 'adapter', 'vision', { unfreezeLayerNorms: true }))).toHaveLength(
      4 * 2 + 2 * 3 + 2,
    )
    expect(norms(names('t5', 'adapter', 'text'))).toHaveLength(4 * 2 + 2 * 3 + 2)
    expect(norms(names('t5', 'adapter', 'text', { unfreezeLayerNorms: false }))).toEqual([])
    expect(norms(names('bart', 'adapter', 'vision'))).toHaveLength(3 * 2 + 2 * 3 + 2)
  })

  test('BART’s bias of the logits never trains', () => {
    const { config } = tinyBartBackbone()
    for (const method of methods.names)
      expect(trainedNames(specOf(config, method, small[method]))).not.toContain('final_logits_bias')
  })

  test.each(['adapter', 'bitfit', 'lora', 'full'])(
    '%s: nothing trains in layers that are frozen',
    (method) => {
      const options = { encoderTrainableLayers: [1], decoderTrainableLayers: [] }
      for (const type of ['t5', 'bart']) {
        const spec = specOf(open(type).config, method, { ...small[method], ...options })
        const blocks = trainedNames(spec).filter((name) => /\.(block|layers)\.\d/.test(`.${name}`))
        expect(blocks.length).toBeGreaterThan(0)
        expect(blocks.filter((name) => !/encoder\.(block|layers)\.1\./.test(name))).toEqual([])
        expect(trainedNames(spec).some((name) => name.includes('visual_embedding'))).toBe(true)
      }
    },
  )

  test('adapters and updates sit where layers train, or where they are put', () => {
    for (const method of ['adapter', 'lora']) {
      const added = (more: Given) =>
        modelParameters(specOf(tinyT5().config, method, { ...small[method], ...more }))
          .map(({ name }) => /^encoder\.block\.(\d).*(adapter|lora_A)/.exec(name)?.[1])
          .filter((layer) => layer !== undefined)
      expect(new Set(added({ encoderTrainableLayers: [2] }))).toEqual(new Set(['2']))
      expect(new Set(added({ encoderTrainableLayers: [2], encoderAddedLayers: [0, 2] }))).toEqual(
        new Set(['0', '2']),
      )
      expect(new Set(added({ encoderTrainableLayers: [2], encoderAddedLayers: null })).size).toBe(4)
    }
  })

  test('a decoder without adapters, and sublayers without', () => {
    const adapters = (more: Given) =>
      names('t5', 'adapter', 'vision', more).filter((name) => /adapter/.test(name))
    expect(adapters({ decoderAdapters: false }).some((name) => name.startsWith('decoder.'))).toBe(false)
    expect(adapters({ crossAttention: false }).some((name) => name.includes('enc_attn'))).toBe(false)
    expect(adapters({}).some((name) => name.includes('enc_attn'))).toBe(true)
  })

  test.each(['adapter', 'lora', 'prompt'])(
    '%s: weights a task, of which a batch moves its own',
    async (method) => {
      const backbone = tinyT5()
      const spec = {
        ...specFor(backbone, { method, variant: 'vision' }, { perTask: true }),
        task: 'gqa',
        tasks: ['vqa', 'gqa'],
      }
      const trainer = await trainerOf(spec, backbone.weights)
      const start = snapshot(trainer)
      await trainer.backward(batchFor(spec), place)
      await trainer.update(1e-2)
      const moved = changed(start, snapshot(trainer))
      trainer.close()
      const of = (task: string) => [...start.keys()].filter((name) => name.split('.').includes(task))
      expect(of('vqa')).toHaveLength(of('gqa').length)
      expect(moved.filter((name) => of('vqa').includes(name))).toEqual([])
      expect(moved).toEqual(expect.arrayContaining(of('gqa').filter((name) => !/lora_As/.test(name))))
      const one = specFor(backbone, { method, variant: 'vision' })
      expect(trainedNames({ ...one, task: 'gqa', tasks: ['vqa', 'gqa'] })).toEqual(
        expect.arrayContaining(of('vqa')),
      )
    },
  )
})

describe('options that can’t be are one line', () => {
  test.each<[string, string, string, Given, string]>([
    [
      't5',
      'adapter',
      'vision',
      { reductionFactor: 25 },
      '--reduction 25 leaves nothing of a width of 24: use 24 or less',
    ],
    ['bart', 'lst', 'vision', { reductionFactor: 25 }, '--reduction 25 leaves nothing of a width of 24'],
    [
      'bart',
      'lst',
      'vision',
      { reductionFactor: 4 },
      "--reduction 4 makes a ladder 6 wide, which the encoder's 4 heads don't divide: use 1, 2, 3, 6",
    ],
    [
      't5',
      'prompt',
      'vision',
      { decoderPromptLength: 2 },
      'method prompt: "decoderPromptLength" is 2: only BART',
    ],
    [
      'bart',
      'prompt',
      'text',
      { decoderPromptLength: 2 },
      'method prompt: "decoderPromptLength" is 2: only BART',
    ],
    [
      'bart',
      'prompt',
      'vision',
      { promptLength: 0 },
      'method prompt: "promptLength" is 0, so nothing would train',
    ],
    [
      'bart',
      'lst',
      'text',
      { ownHead: true },
      'method lst: "ownHead" is for T5 alone, and the backbone is bart: leave it out',
    ],
  ])('%s %s %s %j', (type, method, variant, more, message) => {
    const build = () => modelParameters(specFor(open(type), { method, variant }, more))
    expect(build).toThrow(UserError)
    expect(build).toThrow(message)
    expect(build).not.toThrow('\n')
  })

  test.each(['adapter', 'bitfit', 'lora', 'prompt'])('a classifier under %s, or on T5', (method) => {
    const classify = (type: string) => () =>
      modelParameters({ ...specFor(open(type), { method, variant: 'text' }), classifier: { labels: 2 } })
    expect(classify('bart')).toThrow(
      `--head classify is not built for method ${method} on bart: use lst or full`,
    )
    expect(classify('t5')).toThrow(`--head classify is not built for method ${method} on t5`)
  })
})
