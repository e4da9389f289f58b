/** What training saves is what it trained, in files that others can read, and is put back only where it belongs. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { methods } from '../../src/methods/index.js'
import { openTokenizer, type Tokenizer } from '../../src/text/index.js'
import { type Backbone, openBackbone } from '../../src/training/backbone.js'
import { type CheckpointContent, loadCheckpoint } from '../../src/training/checkpoint.js'
import type { TrainConfig } from '../../src/training/config.js'
import type { ModelSpec } from '../../src/training/graphs.js'
import { resolveConfig } from '../../src/training/index.js'
import { saveCheckpoint } from '../../src/training/saveCheckpoint.js'
import { checkpointContent, noteOnExtra, trainedWeights } from '../../src/training/saved.js'
import { openSafetensors, overlay } from '../../src/weights/index.js'
import { atRest, logitsOf } from '../support/logits.js'
import { writeTokenizer } from '../support/runs.js'
import { randomBatch, snapshot, specOf, trainerOf, writeTinyT5 } from '../support/t5.js'
import { tinyBart } from '../support/tinyConfig.js'
import { digest, folderOfFile } from '../support/weights.js'

type Given = Readonly<Record<string, unknown>>

/** Small enough for a width of 24. */
const options: Readonly<Record<string, Given>> = {
  adapter: { reductionFactor: 4 },
  lora: { rank: 3 },
  lst: { reductionFactor: 2 },
  prompt: { promptLength: 3, promptWidth: 5 },
}
const forms: Readonly<Record<string, Given>> = { t5: {}, bart: tinyBart }

const folder = folderOfFile()
const at = (...parts: readonly string[]) => join(folder, ...parts)
const backbones = {} as Record<string, Backbone>
let tokenizer: Tokenizer

beforeAll(() => {
  for (const [type, over] of Object.entries(forms))
    backbones[type] = openBackbone(writeTinyT5(at(type), over), { cache: at('cache') })
  writeTokenizer(folder, ['the', 'cat'])
  tokenizer = openTokenizer(folder)
})

interface Saved {
  readonly config: TrainConfig
  readonly prepared: { readonly spec: ModelSpec; readonly backbone: Backbone; readonly tokenizer: Tokenizer }
  readonly content: CheckpointContent
  readonly trained: ReadonlyMap<string, Float32Array>
  readonly logits: Float32Array
  readonly path: string
}

/** Three steps, saved. */
async function trained(method: string, type: string, more: Given = {}, name = 'whole'): Promise<Saved> {
  const backbone = backbones[type]!
  const given = { ...options[method], ...more }
  const config = resolveConfig([{ task: 'vqa', method, methodOptions: given, backbone: at(type) }])
  const spec = specOf(backbone.config, method, config.methodOptions)
  const trainer = await trainerOf(spec, backbone.weights)
  try {
    for (let step = 0; step < 3; step++) {
      await trainer.backward(randomBatch(1), { step, firstRow: 0, samples: 1 })
      await trainer.update(2e-2)
    }
    const prepared = { spec, backbone, tokenizer }
    const state = { step: 3, evaluated: 0, best: null, seconds: 1 }
    const content = checkpointContent(config, prepared, trainer, state)
    const values = Object.fromEntries(
      [...trainer.parameters.parameters.values()].map((p) => [p.name, p.value]),
    )
    return {
      ...{ config, prepared, content, trained: snapshot(trainer) },
      logits: await logitsOf(spec, backbone.weights, values),
      path: await saveCheckpoint(at(`${type}-${method}-${name}`), content),
    }
  } finally {
    trainer.close()
  }
}

const all = Object.keys(forms).flatMap((type) => methods.names.map((method) => [method, type] as const))

describe.each(all)('%s on %s', (method, type) => {
  test('a saved model is the trained one: its weights, its logits; the backbone is as it was', async () => {
    const before = digest(readFileSync(at(type, 'model.safetensors')))
    const { config, prepared, path, ...was } = await trained(method, type)
    const weights = trainedWeights(loadCheckpoint(path), config, prepared)
    for (const [name, value] of was.trained)
      expect(digest(weights.readFloat32(name)), name).toBe(digest(value))
    const whole = overlay(prepared.backbone.weights, weights)
    expect(await logitsOf(atRest(prepared.spec), whole)).toEqual(was.logits)
    expect(was.logits.every(Number.isFinite)).toBe(true)
    const plain = specOf(prepared.backbone.config, 'full', {}, { vision: false })
    const untrained = await logitsOf(atRest(plain), prepared.backbone.weights)
    expect(was.logits).not.toEqual(untrained)
    expect(digest(readFileSync(at(type, 'model.safetensors')))).toBe(before)
  })
})

describe('the files', () => {
  test.each(Object.keys(forms))(
    'of LoRA are PEFT’s, with what it has no place for in a third: %s',
    async (type) => {
      const { path, content, prepared } = await trained('lora', type, {}, 'peft')
      const config = JSON.parse(readFileSync(join(path, 'adapter_config.json'), 'utf8')) as Given
      expect(config).toMatchObject({
        ...{ peft_type: 'LORA', task_type: 'SEQ_2_SEQ_LM', base_model_name_or_path: at(type), bias: 'none' },
        ...{ r: 3, lora_alpha: 32, inference_mode: true, fan_in_fan_out: false },
      })
      const layers = config.target_modules as readonly string[]
      const names = [...openSafetensors(join(path, 'adapter_model.safetensors')).tensors.keys()].sort()
      expect(names).toEqual(
        layers
          .flatMap((layer) => ['A', 'B'].map((part) => `base_model.model.${layer}.lora_${part}.weight`))
          .sort(),
      )
      for (const layer of layers)
        expect(prepared.backbone.weights.tensors.has(`${layer}.weight`), layer).toBe(true)
      const extra = [...openSafetensors(join(path, 'extra.safetensors')).tensors.keys()]
      expect(extra.some((name) => name.includes('visual_embedding'))).toBe(true)
      expect(extra.every((name) => /visual_embedding|\.bias$/.test(name))).toBe(true)
      expect(noteOnExtra(content)).toMatch(
        new RegExp(`^PEFT has no place for ${extra.length} trained tensors, such as .*extra\\.safetensors$`),
      )
    },
  )

  test('of LoRA on text without biases hold the updates alone', async () => {
    const spec = specOf(backbones.bart!.config, 'lora', { bias: 'none', variant: 'text' }, { vision: false })
    const { method, options: given, config } = spec
    const names = [...backbones.bart!.weights.tensors.keys()]
    expect(names.filter((name) => method.trains(name, given, config))).toEqual([])
    expect(() =>
      specOf(config, 'lora', { bias: 'none', addBiases: true }).method.sites!({
        ...{ config, options: { ...(given as object), addBiases: true }, task: 'a', tasks: ['a'] },
      }),
    ).toThrow('method lora: "addBiases" is set with "bias" none: leave one of them out')
  })

  test('of other methods say what they are for, and nothing of PEFT', async () => {
    const { path } = await trained('adapter', 't5', {}, 'own')
    expect(readdirSync(path).sort()).toEqual([
      ...['adapter_config.json', 'adapter_model.safetensors', 'optimizer.safetensors', 'state.json'],
    ])
    const about = JSON.parse(readFileSync(join(path, 'adapter_config.json'), 'utf8')) as Given
    expect(about).toMatchObject({ method: 'adapter', options: { reductionFactor: 4 }, task: 'vqa' })
    expect(about).not.toHaveProperty('peft_type')
  })
})

describe('refused in one line', () => {
  let saved: Saved
  beforeAll(async () => {
    saved = await trained('lora', 't5', {}, 'refused')
  })

  const load = (over: Partial<Saved['prepared']> = {}, config: TrainConfig = saved.config) =>
    trainedWeights(loadCheckpoint(saved.path), config, { ...saved.prepared, ...over })
  const changed = (name: string, change: (values: Float32Array) => void): Backbone => {
    const other = writeTinyT5(at(name), {}, (tensor, values) => {
      if (tensor === 'shared.weight') change(values)
    })
    return openBackbone(other, { cache: at('cache') })
  }

  test('the same backbone elsewhere is none of these', () => {
    expect(load({ backbone: changed('moved', () => {}) }).tensors.size).toBeGreaterThan(0)
  })

  test('another backbone of the same form', () => {
    const backbone = changed('other', (values) => values.fill(0.5, 0, 1))
    expect(() => load({ backbone })).toThrow(
      /adapter_model\.safetensors: was trained on another backbone \(.*t5\) than .*other, whose weights have other/,
    )
  })

  test('another method', () => {
    expect(() => load({}, { ...saved.config, method: 'bitfit' })).toThrow(
      /: was saved by method lora, not bitfit: put the run's own checkpoint or config\.yaml back$/,
    )
  })

  test('a whole model in place of an adapter, and an adapter in place of a whole model', async () => {
    const whole = await trained('full', 't5', {}, 'refused')
    expect(() => trainedWeights(loadCheckpoint(whole.path), saved.config, saved.prepared)).toThrow(
      'was saved by method full, not lora',
    )
    expect(() => load({}, whole.config)).toThrow('was saved by method lora, not full')
  })

  test('another vocabulary of as many rows', () => {
    const other = folderOf('words', ['a', 'dog'])
    expect(() => load({ tokenizer: openTokenizer(other) })).toThrow(
      /: was trained with another vocabulary \(of 59 rows; the tokenizer here gives 59\): put the tokenizer back/,
    )
  })

  test('a shape that misses, a missing tensor, a value that is no number; in both files', async () => {
    const { content, config, prepared } = await trained('lora', 't5', {}, 'spoiled')
    const spoil = async (which: 'weights' | 'extra', make: (shape: readonly number[]) => unknown) => {
      const tensors = which === 'extra' ? content.extra! : content.weights.tensors
      const first = tensors.findLast(({ shape }) => shape.length > 0)!
      const made = make(first.shape)
      const rest = tensors.filter((tensor) => tensor !== first)
      const all = made === undefined ? rest : [...rest, { ...first, ...(made as object) }]
      const spoiled =
        which === 'extra'
          ? { ...content, extra: all }
          : { ...content, weights: { ...content.weights, tensors: all } }
      const path = await saveCheckpoint(at('spoiled'), spoiled)
      return () => trainedWeights(loadCheckpoint(path), config, prepared)
    }
    for (const which of ['weights', 'extra'] as const) {
      const file = which === 'weights' ? 'adapter_model' : 'extra'
      expect(await spoil(which, () => ({ shape: [2], data: new Float32Array(2) }))).toThrow(
        new RegExp(
          `${file}\\.safetensors: tensor ".*" is \\(2\\), where .*t5 asks for \\(.*\\): put the backbone`,
        ),
      )
      expect(await spoil(which, () => undefined)).toThrow(/: tensor ".*" is missing, where .*t5 asks for/)
      const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)
      expect(
        await spoil(which, (shape) => ({ data: new Float32Array(count(shape)).fill(Number.NaN) })),
      ).toThrow(new RegExp(`${file}\\.safetensors: tensor ".*" has values that are not numbers`))
    }
  })

  test('a configuration that says nothing', async () => {
    const { content, config, prepared } = saved
    const path = await saveCheckpoint(at('silent'), {
      ...content,
      config: { ...content.config, json: { r: 3 } },
    })
    expect(() => trainedWeights(loadCheckpoint(path), config, prepared)).toThrow(
      /adapter_config\.json: does not say what the adapter is for \("format"\): take the file/,
    )
  })

  test('what does not say where it is from, as of PEFT itself, is taken where its shapes fit', async () => {
    const { content, config, prepared } = saved
    const { metadata: _, ...weights } = content.weights
    const path = await saveCheckpoint(at('peft-own'), { ...content, weights })
    expect(trainedWeights(loadCheckpoint(path), config, prepared).tensors.size).toBeGreaterThan(0)
  })

  function folderOf(name: string, words: readonly string[]): string {
    const path = at(name)
    writeTinyT5(path)
    writeTokenizer(path, words)
    return path
  }
})
