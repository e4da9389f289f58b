import type { PictureSource } from '../../datasets/index.js'
import { inParallel } from '../../src/base/index.js'

/** Encoded pictures that are in memory at once. */
const readAtOnce = 32

/** The bytes of pictures, in the order of their ids. */
export async function* encodedPictures(
  source: PictureSource,
  ids: readonly string[],
): AsyncGenerator<Uint8Array> {
  for (let begin = 0; begin < ids.length; begin += readAtOnce)
    yield* await inParallel(ids.slice(begin, begin + readAtOnce), readAtOnce, (id) => source.read(id))
}
