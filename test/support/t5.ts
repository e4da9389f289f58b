/** Tiny random T5s and BARTs, whose dimensions are pairwise different, and batches for them. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from '../../src/base/index.js'
import { methods } from '../../src/methods/index.js'
import {
  architectureOf,
  type BackboneConfig,
  initialise,
  readBackboneConfig,
} from '../../src/models/index.js'
import { type Batch, ignoredLabel } from '../../src/tasks/index.js'
import { type Backbone, backboneParameters, openBackbone } from '../../src/training/backbone.js'
import type { ModelSpec } from '../../src/training/graphs.js'
import { Trainer, type TrainerOptions } from '../../src/training/trainer.js'
import { type Checkpoint, writeSafetensors } from '../../src/weights/index.js'
import { visualEmbeddingDefaults } from '../../vl/index.js'
import { countOf } from './operators.js'
import { tinyBart, tinyConfig } from './tinyConfig.js'
import { temporaryFolder } from './weights.js'

/**
 * Writes a Hugging Face folder of seeded weights.
 *
 * @param over fields of `config.json` that differ
 * @param edit changes weights by name before they are written
 * @returns the folder
 */
export function writeTinyT5(
  folder: string,
  over: Readonly<Record<string, unknown>> = {},
  edit: (name: string, values: Float32Array) => void = () => {},
): string {
  const raw = { ...tinyConfig, ...over }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'config.json'), JSON.stringify(raw))
  const tensors = backboneParameters(readBackboneConfig(raw, 'config.json')).map(
    ({ name, shape, initializer }) => {
      const data = new Float32Array(countOf(shape))
      initialise(data, initializer, 11, name)
      edit(name, data)
      return { name, dtype: 'F32' as const, shape, data }
    },
  )
  writeSafetensors(join(folder, 'model.safetensors'), tensors)
  return folder
}

/** A tiny T5, written and opened; its folder is gone after the test. */
export function tinyT5(over: Readonly<Record<string, unknown>> = {}): Backbone {
  const folder = temporaryFolder()
  return openBackbone(writeTinyT5(join(folder, 'model'), over), { cache: join(folder, 'cache') })
}

/** A tiny BART, written and opened; its folder is gone after the test. */
export const tinyBartBackbone = (over: Readonly<Record<string, unknown>> = {}): Backbone =>
  tinyT5({ ...tinyBart, ...over })

const featDim = 7

/** A model over a backbone; with pictures unless `vision` is false. */
export function specOf(
  config: BackboneConfig,
  method: string,
  options: Readonly<Record<string, unknown>> = {},
  { dropout = 0, vision = true }: { readonly dropout?: number; readonly vision?: boolean } = {},
): ModelSpec {
  const row = methods.get(method)
  const spec = { config, method: row, options: row.options.parse(options), dropout }
  const { norm } = architectureOf(config)
  return vision
    ? { ...spec, vision: { ...visualEmbeddingDefaults, norm, featDim, dModel: config.dModel } }
    : spec
}

/** A trainer as the tests of promises want it: two threads, a rate that moves a tiny model. */
export function trainerOf(
  spec: ModelSpec,
  weights: Checkpoint,
  over: Partial<TrainerOptions> = {},
): Promise<Trainer> {
  return Trainer.create({
    ...{ spec, weights, maxGradNorm: 5, seed: 3, threads: 2 },
    optimizer: { name: 'adamw', options: {} },
    ...over,
  })
}

export interface BatchSizes {
  readonly batch?: number
  readonly text?: number
  readonly target?: number
  /** 0: no pictures. */
  readonly positions?: number
  readonly featDim?: number
  readonly vocabulary?: number
}

/** Random rows of different lengths; the loss is the mean over samples of their mean over tokens. */
export function randomBatch(seed: number, sizes: BatchSizes = {}): Batch {
  const { batch = 8, text = 9, target = 4, positions = 5, vocabulary = tinyConfig.vocab_size } = sizes
  const features = sizes.featDim ?? featDim
  const random = new Random(seed)
  const word = () => BigInt(2 + random.integer(vocabulary - 2))
  const rows = <T>(width: number, shortest: number, value: () => T, rest: T): T[] =>
    Array.from({ length: batch }, (_, row) => {
      const length = row === 0 ? width : shortest + random.integer(width - shortest + 1)
      return Array.from({ length: width }, (_, i) => (i < length ? value() : rest))
    }).flat()
  const inputIds = BigInt64Array.from(rows(text, 2, word, 0n))
  const labels = BigInt64Array.from(rows(target, 1, word, BigInt(ignoredLabel)))
  const numbers = (count: number) => Float32Array.from({ length: count }, () => random.normal())
  return {
    ...{ batch, text, target, positions, featDim: features, inputIds, labels },
    attentionMask: inputIds.map((id) => (id === 0n ? 0n : 1n)),
    decoderInputIds: labels.map((_, i) => {
      const before = labels[i - 1]
      return i % target === 0 || before === undefined || before < 0n ? 0n : before
    }),
    lossWeights: Float32Array.from(labels, (label, i) => {
      const row = labels.subarray(i - (i % target), i - (i % target) + target)
      return label < 0n ? 0 : 1 / (batch * row.filter((other) => other >= 0n).length)
    }),
    visFeats: numbers(batch * positions * features),
    boxes: numbers(batch * positions * 4),
  }
}

/** Rows `from` … `to` − 1 of a batch, still weighted as parts of the whole. */
export function rowsOf(batch: Batch, from: number, to: number): Batch {
  const cut = <T extends BigInt64Array | Float32Array>(values: T): T => {
    const width = values.length / batch.batch
    return values.slice(from * width, to * width) as T
  }
  return {
    ...{ ...batch, batch: to - from },
    inputIds: cut(batch.inputIds),
    attentionMask: cut(batch.attentionMask),
    labels: cut(batch.labels),
    decoderInputIds: cut(batch.decoderInputIds),
    lossWeights: cut(batch.lossWeights),
    visFeats: cut(batch.visFeats),
    boxes: cut(batch.boxes),
  }
}

/** Copies of all trained parameters, or of their gradients, by name. */
export function snapshot(trainer: Trainer, what: 'value' | 'gradient' = 'value'): Map<string, Float32Array> {
  return new Map(
    [...trainer.parameters.parameters].map(([name, parameter]) => [name, parameter[what].floats.slice()]),
  )
}

/** Names of the parameters of which some element differs. */
export const changed = (a: Map<string, Float32Array>, b: Map<string, Float32Array>): string[] =>
  [...a.keys()].filter((name) => a.get(name)!.some((value, i) => value !== b.get(name)![i]))
