/** Features of a frozen network: computed once for all pictures of a data set, and kept on disk. */
import { createHash } from 'node:crypto'
import type { PictureSource } from '../../datasets/index.js'
import { inParallel } from '../../src/base/index.js'
import { decodePicture, type NetworkEncoder } from '../index.js'
import { cachedFeatures, sharedFeatures } from './cachedFeatures.js'
import { encodedPictures } from './encodedPictures.js'
import { readFeatures } from './featureFile.js'
import type { FeatureOptions } from './features.js'

/** Pictures that are decoded at once: enough to keep sharp's threads busy. */
const decodedAtOnce = 8

/**
 * @returns features by the pictures' ids, [positions, featDim] each, before pooling
 * @throws {UserError} a picture that isn't one; a cache that can't be written
 */
export async function networkFeatures(
  source: PictureSource,
  ids: readonly string[],
  encoder: NetworkEncoder,
  options: FeatureOptions,
): Promise<(id: string) => Promise<Float32Array>> {
  const { rows, columns } = encoder.grid
  const shape = { pictures: ids.length, positions: rows * columns, featDim: encoder.featDim }
  const place = new Map(ids.map((id, i) => [id, i]))
  const { cache, crew } = options
  if (cache) {
    const key = await keyOf(source, ids, encoder)
    const wanted = (name: string, some: readonly string[]) => ({
      ...{ key: name, shape: { ...shape, pictures: some.length } },
      compute: () => batches(source, some, encoder, options),
    })
    const parts = sharesOf(ids, crew?.size ?? 1, encoder.batchSize).map((some, rank, { length }) =>
      wanted(`${key}.${rank + 1}-of-${length}`, some),
    )
    const whole = wanted(key, ids)
    const file =
      crew && crew.size > 1
        ? await sharedFeatures(whole, parts, crew, { ...options, cache })
        : await cachedFeatures(whole, { ...options, cache })
    return async (id) => readFeatures(file, shape, place.get(id)!)
  }
  const size = shape.positions * shape.featDim
  const all = new Float32Array(ids.length * size)
  let at = 0
  for await (const features of batches(source, ids, encoder, options)) {
    all.set(features, at)
    at += features.length
  }
  return async (id) => all.subarray(place.get(id)! * size, (place.get(id)! + 1) * size)
}

/** As many runs of ids, of whole batches each, so that a picture's batch is the same whoever computes it. */
function sharesOf(ids: readonly string[], count: number, batchSize: number): readonly (readonly string[])[] {
  const border = (share: number) =>
    Math.floor((Math.ceil(ids.length / batchSize) * share) / count) * batchSize
  return Array.from({ length: count }, (_, share) =>
    ids.slice(border(share), share + 1 === count ? ids.length : border(share + 1)),
  )
}

/** A name for the features of these encoded pictures in this order. */
async function keyOf(source: PictureSource, ids: readonly string[], { identity }: NetworkEncoder) {
  const hash = createHash('sha256').update(identity)
  for await (const bytes of encodedPictures(source, ids)) hash.update(`\n${bytes.length}\n`).update(bytes)
  return `${hash.digest('hex').slice(0, 32)}.features`
}

/** Features batch by batch; while one is encoded, the next one's pictures are decoded and resized. */
async function* batches(
  source: PictureSource,
  ids: readonly string[],
  encoder: NetworkEncoder,
  { onProgress, signal }: FeatureOptions,
): AsyncGenerator<Float32Array> {
  const prepare = (begin: number) => {
    const some = ids.slice(begin, begin + encoder.batchSize)
    const pixels = inParallel(some, decodedAtOnce, async (id) => {
      signal?.throwIfAborted()
      return encoder.fit(await decodePicture(await source.read(id), source.where(id)))
    })
    pixels.catch(() => undefined) // thrown where it is awaited
    return pixels
  }
  let next = prepare(0)
  for (let begin = 0; begin < ids.length; begin += encoder.batchSize) {
    const encoding = encoder.encode(await next)
    const done = Math.min(begin + encoder.batchSize, ids.length)
    next = prepare(done)
    const features = await encoding
    onProgress?.(done, ids.length)
    yield features
  }
}
