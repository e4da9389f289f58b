import { createHash } from 'node:crypto'
import type { PictureSource } from '../../datasets/index.js'
import { UserError } from '../../src/base/index.js'
import { decodePicture, maxPool, type Picture, poolings, type VisionEncoder, type Windows } from '../index.js'
import { pixelFormat, readPixels, writePixels } from './pixels.js'

/** Features of a data set's pictures, all of one shape. */
export interface FeatureSource {
  readonly positions: number
  readonly featDim: number
  /** @returns [positions, featDim] of the picture with this id */
  features(id: string): Promise<Float32Array>
}

/** How many positions a picture keeps; without it all. */
export interface Pooling {
  readonly kind: keyof typeof poolings
  readonly nBoxes: number
}

/** Positions are told apart by the vocabulary's pieces `<vis_extra_id_0…99>`. */
const mostPositions = 100

/** Pictures that are decoded at once: enough to keep sharp's threads busy. */
const decodedAtOnce = 16

/** Where decoded pixels are kept between runs. */
export interface PixelCache {
  /** The file that was kept under this key. */
  find(key: string): string | undefined
  /** Has a file written under this key, whole or not at all. */
  keep(key: string, write: (file: string) => void): void
}

/**
 * Decodes and checks every picture before the first step. Pixels are kept (3 bytes each); features are
 * computed anew for every batch.
 *
 * @param options.cache spares a later run the decoding of the same bytes
 * @param ids the pictures that will be asked for; repeated ones are decoded once
 * @throws {UserError} a picture that isn't one, has a size that the encoder can't take or gives another
 *   grid than the first; more positions than can be told apart
 */
export async function openFeatures(
  source: PictureSource,
  ids: Iterable<string>,
  encoder: VisionEncoder,
  { pooling, cache }: { readonly pooling?: Pooling | undefined; readonly cache?: PixelCache } = {},
): Promise<FeatureSource> {
  const pictures = await picturesOf(source, [...new Set(ids)], cache)
  const positions = commonPositions([...pictures.values()], encoder)
  const windows = pooling && poolings[pooling.kind](positions, pooling.nBoxes)
  return {
    positions: checkCount(windows?.length ?? positions),
    featDim: encoder.featDim,
    async features(id) {
      const picture = pictures.get(id)
      if (!picture) throw new Error(`picture ${id} was not among those that were opened`)
      return pool(await encoder.features(picture), encoder.featDim, windows)
    },
  }
}

/** Most pictures whose pixels are kept: more are a data set that wants a real encoder. */
const mostKept = 20_000

async function picturesOf(source: PictureSource, ids: readonly string[], cache: PixelCache | undefined) {
  if (!cache || ids.length > mostKept) return await decodeAll(source, ids)
  const key = await keyOf(source, ids)
  const kept = cache.find(key)
  const names = ids.map((id) => source.where(id))
  const known = kept && readPixels(kept, names)
  if (known) return new Map(ids.map((id, i) => [id, known[i]!]))
  const pictures = await decodeAll(source, ids)
  cache.keep(key, (file) => writePixels(file, [...pictures.values()]))
  return pictures
}

/** A name for these encoded pictures in this order. */
async function keyOf(source: PictureSource, ids: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(`${pixelFormat}`)
  for (const id of ids) hash.update(await source.read(id))
  return `${hash.digest('hex').slice(0, 32)}.pixels`
}

async function decodeAll(source: PictureSource, ids: readonly string[]): Promise<Map<string, Picture>> {
  const pictures = new Map<string, Picture>()
  for (let begin = 0; begin < ids.length; begin += decodedAtOnce) {
    const some = ids.slice(begin, begin + decodedAtOnce)
    const decoded = await Promise.all(
      some.map(async (id) => await decodePicture(await source.read(id), source.where(id))),
    )
    for (const [i, id] of some.entries()) pictures.set(id, decoded[i]!)
  }
  return pictures
}

/** The grid's count of positions, which must be the same grid for every picture. */
function commonPositions(pictures: readonly Picture[], encoder: VisionEncoder): number {
  const [first] = pictures
  if (!first) throw new UserError('the data set has no pictures: add some, or choose a task for text')
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

function checkCount(positions: number): number {
  if (positions <= mostPositions) return positions
  throw new UserError(
    `a picture gives ${positions} positions, and more than ${mostPositions} can't be told apart: ` +
      'use --n-boxes 36 --downsample',
  )
}

function pool(features: Float32Array, width: number, windows: Windows | undefined): Float32Array {
  if (!windows) return features
  return maxPool(features, { batch: 1, images: 1, positions: features.length / width, width }, windows)
}
