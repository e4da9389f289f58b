/** How many parameters train at the sizes of the paper: the tables of the specification, counted from its code. */
import { describe, expect, test } from 'vitest'
import { methods } from '../../src/methods/index.js'
import {
  architectureOf,
  architectures,
  type BackboneConfig,
  readBackboneConfig,
} from '../../src/models/index.js'
import { type ModelSpec, modelParameters } from '../../src/training/graphs.js'
import { visualEmbeddingDefaults } from '../../vl/index.js'

const configOf = (name: string, vocabSize: number): BackboneConfig => ({
  ...readBackboneConfig(architectures.get(name).config, name),
  vocabSize,
})

function specOf(config: BackboneConfig, method: string, options: object): ModelSpec {
  const row = methods.get(method)
  return { config, method: row, options: row.options.parse(options), dropout: 0, task: 'vqa' }
}

function counts(spec: ModelSpec): { readonly trained: number; readonly all: number } {
  const sizes = modelParameters(spec)
    .filter(({ name }) => name !== 'final_logits_bias') // a buffer, which the reference does not count
    .map(({ shape, trained }) => [shape.reduce((a, b) => a * b, 1), trained] as const)
  const sum = (of: typeof sizes) => of.reduce((total, [size]) => total + size, 0)
  return { trained: sum(sizes.filter(([, trained]) => trained)), all: sum(sizes) }
}

describe('pictures and text, features of 2048 (vl-model.md §6.6)', () => {
  const size = { t5: ['t5-base', 32200], bart: ['bart-base', 50465] } as const

  test.each<[keyof typeof size, string, object, number, number]>([
    ['t5', 'full', {}, 224_540_160, 224_540_160],
    ['t5', 'adapter', { reductionFactor: 4 }, 19_333_632, 242_292_480],
    ['t5', 'lora', { rank: 150 }, 18_170_112, 241_128_960],
    ['t5', 'bitfit', {}, 1_865_416, 224_824_264],
    ['t5', 'prompt', {}, 2_842_400, 225_801_248],
    ['t5', 'lst', { reductionFactor: 4 }, 17_967_384, 240_926_232],
    ['t5', 'lst', { reductionFactor: 8 }, 6_678_552, 229_637_400],
    ['bart', 'full', {}, 141_156_864, 141_156_864],
    ['bart', 'adapter', { reductionFactor: 4 }, 10_508_160, 150_033_024],
    ['bart', 'lora', { rank: 150 }, 10_003_200, 149_451_264],
    ['bart', 'bitfit', {}, 1_708_800, 141_156_864],
    ['bart', 'prompt', {}, 2_843_936, 142_417_952],
  ])('%s %s %j', (type, method, options, trained, all) => {
    const [name, vocabulary] = size[type]
    const config = configOf(name, vocabulary)
    const vision = {
      ...visualEmbeddingDefaults,
      norm: architectureOf(config).norm,
      featDim: 2048,
      dModel: 768,
    }
    expect(counts({ ...specOf(config, method, options), vision })).toEqual({ trained, all })
  })
})

describe('text, 32,100 tokens (glue.md §2.3)', () => {
  const upper = { encoderTrainableLayers: [6, 7, 8, 9, 10, 11] }
  const none = { encoderTrainableLayers: [] }
  const both = { encoderTrainableLayers: [], decoderTrainableLayers: [6, 7, 8, 9, 10, 11] }

  test.each<[string, string, object, number]>([
    ['t5-base', 'full', {}, 222_882_048],
    ['t5-base', 'adapter', {}, 3_625_728],
    ['t5-base', 'adapter', { reductionFactor: 64 }, 969_792],
    ['t5-base', 'adapter', upper, 2_721_984],
    ['t5-base', 'adapter', none, 1_818_240],
    ['t5-base', 'adapter', both, 909_888],
    ['t5-base', 'lora', { rank: 32 }, 3_820_644],
    ['t5-base', 'lora', { rank: 4 }, 724_068],
    ['t5-base', 'lora', { rank: 32, ...upper }, 3_179_748],
    ['t5-base', 'lora', { rank: 32, ...none }, 2_539_236],
    ['t5-base', 'lora', { rank: 32, ...both }, 1_285_476],
    ['t5-base', 'bitfit', {}, 280_932],
    ['t5-base', 'bitfit', upper, 230_244],
    ['t5-base', 'bitfit', none, 179_556],
    ['t5-base', 'bitfit', both, 105_828],
    ['t5-base', 'prompt', { promptLength: 100 }, 76_800],
    ['t5-large', 'adapter', {}, 12_812_288],
    ['t5-large', 'lora', { rank: 32 }, 10_133_860],
    ['t5-large', 'bitfit', {}, 695_652],
    ['t5-3b', 'lora', { rank: 32 }, 25_544_036],
    ['t5-3b', 'bitfit', {}, 1_949_028],
  ])('%s %s %j', (name, method, options, trained) => {
    const variant = method === 'full' ? {} : { variant: 'text' }
    expect(counts(specOf(configOf(name, 32100), method, { ...variant, ...options })).trained).toBe(trained)
  })
})

describe('an encoder with a classifier (glue.md §2.3)', () => {
  test.each<[string, string, object, number, number]>([
    ['bart-large', 'full', {}, 2, 204_730_370],
    ['bart-large', 'full', {}, 3, 204_731_395],
    ['bart-large', 'lst', { samplingBias: true }, 2, 5_268_622],
    ['bart-large', 'lst', { samplingBias: false }, 1, 5_264_909],
    ['bart-base', 'full', {}, 1, 82_511_617],
    ['bart-base', 'lst', {}, 3, 1_855_209],
  ])('%s %s %j, %i labels', (name, method, options, labels, trained) => {
    const variant = method === 'lst' ? { variant: 'text' } : {}
    const spec = specOf(configOf(name, 50265), method, { ...variant, ...options })
    expect(counts({ ...spec, classifier: { labels } }).trained).toBe(trained)
  })
})
