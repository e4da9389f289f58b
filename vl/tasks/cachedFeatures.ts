/** Files of features in the cache, made once: by one process, or by several, each its share. */
import { type Crew, firstAlone } from '../../src/base/index.js'
import { type FeatureShape, isSoundFeatureFile, readFeatures, writeFeatures } from './featureFile.js'
import type { FeatureOptions, PictureCache } from './features.js'

/** Features of some pictures. */
export interface WantedFeatures {
  readonly key: string
  readonly shape: FeatureShape
  /** One or more pictures' at a time, all in order. */
  compute(): AsyncIterable<Float32Array>
}

type Options = Pick<FeatureOptions, 'onNote'> & { readonly cache: PictureCache }

/** The file under this key, made where there is none that is sound. */
export async function cachedFeatures(wanted: WantedFeatures, options: Options): Promise<string> {
  const { key, shape, compute } = wanted
  return (
    (await soundFile(wanted, options)) ??
    (await options.cache.keep(key, (file) => writeFeatures(file, shape, compute())))
  )
}

/**
 * As {@link cachedFeatures}, for all of a crew.
 *
 * @param parts of the whole, in order: each process computes its own
 */
export async function sharedFeatures(
  whole: WantedFeatures,
  parts: readonly WantedFeatures[],
  crew: Crew,
  options: Options,
): Promise<string> {
  const known = await firstAlone(crew, () => soundFile(whole, options))
  if ((await crew.exchange(known !== undefined)).every(Boolean)) return known!
  const own = parts[crew.rank]!
  await cachedFeatures(own, options)
  await crew.exchange(null)
  const file = await firstAlone(crew, () =>
    cachedFeatures({ ...whole, compute: () => inOrder(parts, options) }, options),
  )
  await crew.exchange(null)
  options.cache.discard(own.key)
  return file
}

async function soundFile({ key, shape }: WantedFeatures, { cache, onNote }: Options) {
  const file = cache.find(key)
  if (file === undefined || (await isSoundFeatureFile(file, shape))) return file
  onNote?.(`${file} is damaged: its features are computed again`)
  cache.discard(key)
  return undefined
}

/** Features of all parts; one that a process of another machine has put into another cache is computed here too. */
async function* inOrder(parts: readonly WantedFeatures[], { cache }: Options): AsyncGenerator<Float32Array> {
  for (const { key, shape, compute } of parts) {
    const file = cache.find(key)
    if (file === undefined) yield* compute()
    else for (let i = 0; i < shape.pictures; i++) yield readFeatures(file, shape, i)
  }
}
