/** A run's data made ready: samples by split, tokens, pictures as features. Everything is checked before a step. */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openDataSet, type PictureSource, type Sample } from '../../datasets/index.js'
import type { VisionEncoder } from '../../vl/index.js'
import {
  type FeatureOptions,
  type FeatureSource,
  openFeatures,
  type PictureCache,
} from '../../vl/tasks/index.js'
import { firstAlone, UserError } from '../base/index.js'
import { cachedFileSlowly } from '../files/index.js'
import type { BackboneConfig } from '../models/index.js'
import {
  type Batch,
  collate,
  type EncodedSample,
  encodeSample,
  type StepTotals,
  type Task,
  targetRandom,
  tasks,
} from '../tasks/index.js'
import type { Tokenizer } from '../text/index.js'
import type { TrainConfig } from './config.js'
import type { Report } from './events.js'
import type { Prepared } from './prepare.js'
import { soloGroup, type WorkerGroup } from './workers/group.js'

export interface RunData {
  readonly task: Task
  readonly splits: Readonly<Record<string, readonly Sample[]>>
  readonly tokenizer: Tokenizer
  /** Absent where samples are text alone. */
  readonly features?: FeatureSource
}

/**
 * The task of a run, without its prompt where the run has none.
 *
 * @throws {UserError} no classifier can answer it
 */
export function taskOf({ task, taskPrompt, head }: Pick<TrainConfig, 'task' | 'taskPrompt' | 'head'>): Task {
  const plain = tasks.get(task)
  if (head === 'classify') {
    if (plain.classified) return plain.classified
    const others = tasks.entries.filter(({ classified }) => classified).map(({ name }) => name)
    throw new UserError(
      `--head classify: task ${task} is answered in words alone: leave it out, or use --task ${others.join(', ')}`,
    )
  }
  return taskPrompt ? plain : { ...plain, prompt: '' }
}

/** The task with its texts cut to the positions that a backbone has. */
export function within(task: Task, { maxPositionEmbeddings = Infinity }: BackboneConfig): Task {
  return { ...task, maxInputLength: Math.min(task.maxInputLength, maxPositionEmbeddings) }
}

export interface OpenDataOptions {
  readonly cache: string
  readonly report: Report
  /** Ends long work. */
  readonly signal?: AbortSignal
  /** The splits to open, of those that there are; all by default. */
  readonly choose?: (splits: readonly string[]) => readonly string[]
  /** Who needs the same data and shares the work. */
  readonly group?: WorkerGroup
}

/**
 * @throws {UserError} bad data, by file, row and field; a picture that isn't one
 */
export async function openData(
  config: TrainConfig,
  { task, tokenizer, encoder }: Pick<Prepared, 'task' | 'tokenizer' | 'encoder'>,
  { cache, report, signal, choose = (splits) => splits, group = soloGroup }: OpenDataOptions,
): Promise<RunData> {
  const onNote = (text: string) => report({ kind: 'note', text })
  const onProgress = (what: string, done: number, total: number) =>
    report({ kind: 'preparing', what, done, total })
  const { splits: all, pictures } = await firstAlone(group, () =>
    openDataSet(config.dataset, {
      ...{ task: task.name, seed: config.seed, cache, onNote, onProgress },
      ...(task.classes ? { official: true } : {}),
      ...(signal ? { signal } : {}),
    }),
  )
  const splits = Object.fromEntries(choose(Object.keys(all)).map((split) => [split, all[split]!]))
  for (const [split, { length }] of Object.entries(splits)) {
    if (length === 0) throw new UserError(`${config.dataset}: its ${split} split is empty: add samples to it`)
  }
  const data = { task, splits, tokenizer: remembering(tokenizer) }
  if (!encoder || !pictures) return data
  const ids = Object.entries(splits).map(
    ([split, samples]) => [split, samples.flatMap((sample) => task.pictures?.(sample) ?? [])] as const,
  )
  const open = (what: string, some: Iterable<string>) =>
    openPictures(config, encoder, pictures, some, {
      ...{ cache: pictureCache(join(cache, 'pictures')), onNote, crew: group },
      onProgress: (done, total) => onProgress(what, done, total),
      ...(signal ? { signal } : {}),
    })
  try {
    const features =
      encoder.kind === 'network'
        ? await openApart(ids, (split, some) => open(`looking at the pictures of ${split}`, some))
        : await firstAlone(group, () =>
            open(
              'looking at pictures',
              ids.flatMap(([, some]) => some),
            ),
          )
    signal?.throwIfAborted()
    return { ...data, features }
  } finally {
    if (encoder.kind === 'network') encoder.close() // all that it has to say is in the cache
  }
}

/** Features of each split by itself, so that one that is asked for alone later on is found in the cache. */
async function openApart(
  splits: readonly (readonly [split: string, ids: readonly string[]])[],
  open: (split: string, ids: readonly string[]) => Promise<FeatureSource>,
): Promise<FeatureSource> {
  const owners = new Map<string, FeatureSource>()
  let last: FeatureSource | undefined
  for (const [split, ids] of splits) {
    const others = ids.filter((id) => !owners.has(id))
    if (others.length === 0) continue
    last = await open(split, others)
    for (const id of others) owners.set(id, last)
  }
  if (!last) return await open('all splits', []) // refused: there are no pictures
  return { ...last, features: (id) => owners.get(id)!.features(id) }
}

/**
 * Pictures as the features that a run's settings make of them.
 *
 * @throws {UserError} as `openFeatures`
 */
export function openPictures(
  config: TrainConfig,
  encoder: VisionEncoder,
  pictures: PictureSource,
  ids: Iterable<string>,
  options: Omit<FeatureOptions, 'pooling'> = {},
): Promise<FeatureSource> {
  return openFeatures(pictures, ids, encoder, { ...options, pooling: poolingOf(config) })
}

function pictureCache(folder: string): PictureCache {
  return {
    find: (key) => (existsSync(join(folder, key)) ? join(folder, key) : undefined),
    keep: (key, write) => cachedFileSlowly(folder, key, write),
    discard: (key) => rmSync(join(folder, key), { force: true }),
  }
}

function poolingOf({ downsample, nBoxes }: TrainConfig) {
  if (nBoxes === null) {
    if (downsample)
      throw new UserError('--downsample needs to know how many positions to keep: add --n-boxes 36')
    return undefined
  }
  if (!downsample) throw new UserError('--n-boxes keeps fewer positions by pooling: add --downsample')
  return { kind: 'downsample' as const, nBoxes }
}

/** Encodes a text once; questions and answers repeat. */
function remembering(tokenizer: Tokenizer): Tokenizer {
  const known = new Map<string, number[]>()
  return {
    ...tokenizer,
    encode(text, options) {
      const key = JSON.stringify([options?.maxLength, text, options?.pair])
      let ids = known.get(key)
      if (!ids) {
        ids = tokenizer.encode(text, options)
        if (known.size < mostRemembered) known.set(key, ids)
      }
      return ids
    },
  }
}

const mostRemembered = 200_000

export type SpecialTokens = Parameters<typeof collate>[2]

/** The samples of one step as numbers. */
export function encodeStep(
  { task, splits, tokenizer }: RunData,
  indices: Iterable<number>,
  draw: { readonly seed: number; readonly epoch: number },
): EncodedSample[] {
  const train = splits.train!
  return [...indices].map((index) =>
    encodeSample(task, train[index]!, tokenizer, targetRandom(draw.seed, draw.epoch, index)),
  )
}

export function collatePart(
  { task, features }: RunData,
  samples: readonly EncodedSample[],
  special: SpecialTokens,
  totals: StepTotals,
): Promise<Batch> {
  return collate(task, samples, special, features, totals)
}
