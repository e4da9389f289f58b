/** Validation samples of a data set that has none of its own. */
import { Random, UserError } from '../src/base/index.js'
import type { VqaSample } from './samples.js'

/** The order that picks them: fixed, so that runs of all seeds are validated alike. */
const validationSeed = 1

/** What share is held out. */
const validationShare = 0.1

/** The first tenth of a fixed random order of all that is named, at least one. */
export function heldOut(names: Iterable<string>): ReadonlySet<string> {
  const sorted = [...new Set(names)].sort()
  const order = new Random(validationSeed).permutation(sorted.length)
  const count = Math.max(1, Math.round(sorted.length * validationShare))
  return new Set([...order.subarray(0, count)].map((index) => sorted[index]!))
}

interface Divided<S> {
  readonly train: readonly S[]
  readonly validation: readonly S[]
}

/**
 * Holds a tenth of what samples are about out, with all samples about it.
 *
 * @param path where the samples come from
 * @param tooFew what the path is told where all are about one thing
 * @throws {UserError} all are about one thing
 */
export function splitBy<S>(
  path: string,
  samples: readonly S[],
  aboutOf: (sample: S) => string,
  tooFew: string,
): Divided<S> {
  const names = new Set(samples.map(aboutOf))
  if (names.size < 2)
    throw new UserError(`${path} ${tooFew}, and a tenth is held out to validate on: add others`)
  const held = heldOut(names)
  return {
    train: samples.filter((sample) => !held.has(aboutOf(sample))),
    validation: samples.filter((sample) => held.has(aboutOf(sample))),
  }
}

/**
 * Holds a tenth of the pictures out, with all their questions.
 *
 * @param path where the samples come from
 * @throws {UserError} all are about one picture
 */
export function splitByPicture(path: string, samples: readonly VqaSample[]): Divided<VqaSample> {
  const about = samples.length === 0 ? 'no picture' : 'one picture only'
  return splitBy(path, samples, ({ imageId }) => imageId, `has questions about ${about}`)
}
