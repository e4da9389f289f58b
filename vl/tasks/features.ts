import { createHash } from 'node:crypto'
import type { PictureSource } from '../../datasets/index.js'
import { type Crew, inParallel, UserError } from '../../src/base/index.js'
import {
  decodePicture,
  maxPool,
  type NetworkEncoder,
  type Picture,
  type PlainEncoder,
  poolings,
  type VisionEncoder,
  type Windows,
} from '../index.js'
import { encodedPictures } from './encodedPictures.js'
import { networkFeatures } from './networkFeatures.js'
import { pixelFormat, readPixels, writePixels } from './pixels.js'

/** Features of a data set's pictures, all of one shape. */
export interface FeatureSource {
  readonly positions: number
  readonly featDim: number
  /** @returns [positions, featDim] of the picture with this id */
  features(id: string): Promise<Float32Array>
}

/** Room for features as they are asked for: small ones are asked for again and again, and come soon enough to fit. */
const mostKeptBytes = 64 * 2 ** 20

/** How many positions a picture keeps; without it all. */
export interface Pooling {
  readonly kind: keyof typeof poolings
  readonly nBoxes: number
}

/** Positions are told apart by the vocabulary's pieces `<vis_extra_id_0…99>`. */
const mostPositions = 100

/** Pictures that are decoded at once: enough to keep sharp's threads busy. */
const decodedAtOnce = 16

/** Where what was made of pictures is kept between runs. */
export interface PictureCache {
  /** The file that was kept under this key. */
  find(key: string): string | undefined
  /** Has a file written under this key, whole or not at all. @returns its path */
  keep(key: string, write: (file: string) => Promise<void>): Promise<string>
  /** Removes the file under this key. */
  discard(key: string): void
}

export interface FeatureOptions {
  readonly pooling?: Pooling | undefined
  /** Spares a later run the work on the same bytes. */
  readonly cache?: PictureCache
  readonly onNote?: (text: string) => void
  /** Told while a network works through many pictures. */
  readonly onProgress?: (done: number, total: number) => void
  /** Ends that work. */
  readonly signal?: AbortSignal
  /** Who wants the same features and shares a network's work; nobody by default. */
  readonly crew?: Crew
}

/**
 * Decodes and checks every picture before the first step. Of a plain encoder pixels are kept (3 bytes each), and
 * features computed anew for every batch; of a network features are computed once, and read from disk by position.
 *
 * @param ids the pictures that will be asked for; repeated ones are decoded once
 * @throws {UserError} a picture that isn't one, has a size that the encoder can't take or gives another
 *   grid than the first; more positions than can be told apart
 */
export async function openFeatures(
  source: PictureSource,
  ids: Iterable<string>,
  encoder: VisionEncoder,
  options: FeatureOptions = {},
): Promise<FeatureSource> {
  const wanted = [...new Set(ids)]
  if (wanted.length === 0)
    throw new UserError('the data set has no pictures: add some, or choose a task for text')
  const opened =
    encoder.kind === 'plain'
      ? await plainFeatures(source, wanted, encoder, options)
      : await openNetwork(source, wanted, encoder, options)
  const { featDim } = encoder
  const known = new Set(wanted)
  const kept = new Map<string, Float32Array>()
  const keep = (id: string, features: Float32Array) => {
    if ((kept.size + 1) * features.byteLength <= mostKeptBytes) kept.set(id, features)
    return features
  }
  return {
    positions: opened.windows?.length ?? opened.positions,
    featDim,
    async features(id) {
      if (!known.has(id)) throw new Error(`picture ${id} was not among those that were opened`)
      return kept.get(id) ?? keep(id, pool(await opened.features(id), featDim, opened.windows))
    },
  }
}

/** What a kind of encoder makes of pictures, before pooling. */
interface Opened {
  readonly positions: number
  readonly windows: Windows | undefined
  features(id: string): Promise<Float32Array>
}

/** Nothing is computed before the count of positions is known to be right. */
async function openNetwork(
  source: PictureSource,
  ids: readonly string[],
  encoder: NetworkEncoder,
  options: FeatureOptions,
): Promise<Opened> {
  const positions = encoder.grid.rows * encoder.grid.columns
  const windows = windowsOf(positions, options.pooling)
  return { positions, windows, features: await networkFeatures(source, ids, encoder, options) }
}

async function plainFeatures(
  source: PictureSource,
  ids: readonly string[],
  encoder: PlainEncoder,
  { pooling, cache }: FeatureOptions,
): Promise<Opened> {
  const pictures = await picturesOf(source, ids, cache)
  const positions = commonPositions([...pictures.values()], encoder)
  return {
    positions,
    windows: windowsOf(positions, pooling),
    features: (id) => encoder.features(pictures.get(id)!),
  }
}

/** How positions are pooled, if they are. @throws {UserError} more positions are left than can be told apart */
function windowsOf(positions: number, pooling: Pooling | undefined): Windows | undefined {
  const windows = pooling && poolings[pooling.kind](positions, pooling.nBoxes)
  checkCount(windows?.length ?? positions)
  return windows
}

/** Most pictures whose pixels are kept: more are a data set that wants a real encoder. */
const mostKept = 20_000

async function picturesOf(source: PictureSource, ids: readonly string[], cache: PictureCache | undefined) {
  if (!cache || ids.length > mostKept) return await decodeAll(source, ids)
  const key = await keyOf(source, ids)
  const kept = cache.find(key)
  const names = ids.map((id) => source.where(id))
  const known = kept && readPixels(kept, names)
  if (known) return new Map(ids.map((id, i) => [id, known[i]!]))
  if (kept) cache.discard(key)
  const pictures = await decodeAll(source, ids)
  await cache.keep(key, async (file) => writePixels(file, [...pictures.values()]))
  return pictures
}

/** A name for these encoded pictures in this order. */
async function keyOf(source: PictureSource, ids: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(`${pixelFormat}`)
  for await (const bytes of encodedPictures(source, ids)) hash.update(bytes)
  return `${hash.digest('hex').slice(0, 32)}.pixels`
}

async function decodeAll(source: PictureSource, ids: readonly string[]): Promise<Map<string, Picture>> {
  const pictures = await inParallel(ids, decodedAtOnce, async (id) =>
    decodePicture(await source.read(id), source.where(id)),
  )
  return new Map(ids.map((id, i) => [id, pictures[i]!]))
}

/** The grid's count of positions, which must be the same grid for every picture. */
function commonPositions(pictures: readonly Picture[], encoder: PlainEncoder): number {
  const first = pictures[0]!
  const { rows, columns } = encoder.grid(first)
  for (const picture of pictures) {
    const grid = encoder.grid(picture)
    if (grid.rows === rows && grid.columns === columns) continue
    throw new UserError(
      `${picture.name} is ${picture.width}×${picture.height} pixels, but ${first.name} is ` +
        `${first.width}×${first.height}: --vision ${encoder.name} wants pictures of one size, resize them`,
    )
  }
  return rows * columns
}

function checkCount(positions: number): void {
  if (positions <= mostPositions) return
  throw new UserError(
    `a picture gives ${positions} positions, and more than ${mostPositions} can't be told apart: ` +
      'use --n-boxes 36 --downsample',
  )
}

function pool(features: Float32Array, width: number, windows: Windows | undefined): Float32Array {
  if (!windows) return features
  return maxPool(features, { batch: 1, images: 1, positions: features.length / width, width }, windows)
}
