/** Validation pictures of a data set that has none of its own. */
import { Random, UserError } from '../src/base/index.js'
import type { VqaSample } from './samples.js'

/** The order that picks validation pictures: fixed, so that runs of all seeds are validated alike. */
const validationSeed = 1

/** What share of the pictures is held out. */
const validationShare = 0.1

/** The first tenth of a fixed random order of all pictures, at least one. */
export function heldOutPictures(ids: Iterable<string>): ReadonlySet<string> {
  const sorted = [...new Set(ids)].sort()
  const order = new Random(validationSeed).permutation(sorted.length)
  const count = Math.max(1, Math.round(sorted.length * validationShare))
  return new Set([...order.subarray(0, count)].map((index) => sorted[index]!))
}

/**
 * Holds a tenth of the pictures out, with all their questions.
 *
 * @param path where the samples come from
 * @throws {UserError} all are about one picture
 */
export function splitByPicture(
  path: string,
  samples: readonly VqaSample[],
): { readonly train: readonly VqaSample[]; readonly validation: readonly VqaSample[] } {
  const ids = new Set(samples.map(({ imageId }) => imageId))
  if (ids.size < 2) {
    throw new UserError(
      `${path} has questions about ${ids.size === 0 ? 'no picture' : 'one picture only'}, and a tenth of the ` +
        'pictures is held out to validate on: add questions about others',
    )
  }
  const heldOut = heldOutPictures(ids)
  return {
    train: samples.filter(({ imageId }) => !heldOut.has(imageId)),
    validation: samples.filter(({ imageId }) => heldOut.has(imageId)),
  }
}
