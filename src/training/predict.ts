/** Answers about pictures that no data set has. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pictureFiles, type Sample } from '../../datasets/index.js'
import { tasks } from '../../vl/tasks/index.js'
import { UserError } from '../base/index.js'
import { openPictures } from './data.js'
import { textNotes } from './textNotes.js'
import { openTrainedRun, type TrainedRun, type TrainedRunOptions } from './trainedRun.js'

/** An answer, or why there is none. */
export type Predicted = { readonly image: string } & (
  | { readonly answer: string }
  | { readonly error: string }
)

/** What a picture file may be called: everything that pictures are decoded from. */
const pictureName = /\.(jpe?g|png|webp|gif|avif|tiff?|svg)$/i

/**
 * @param path a picture, or a folder of pictures
 * @returns the pictures' files; those of a folder by name
 * @throws {UserError} there is none
 */
export function findImages(path: string): readonly string[] {
  const status = statSync(path, { throwIfNoEntry: false })
  if (!status) throw new UserError(`--image ${path} does not exist: name a picture, or a folder of pictures`)
  if (!status.isDirectory()) return [path]
  const names = readdirSync(path).filter((name) => pictureName.test(name))
  if (names.length === 0)
    throw new UserError(`--image ${path} holds no pictures: put PNG or JPEG files there`)
  return names.sort().map((name) => join(path, name))
}

/**
 * Asks a trained run one question about each picture; needs neither its data set nor labels.
 *
 * @throws {UserError} no run or checkpoint, a backbone that is no longer there; what is wrong with a picture is told
 *   in its place
 */
export async function* predict(
  path: string,
  {
    images,
    question,
    ...options
  }: TrainedRunOptions & {
    readonly images: readonly string[]
    readonly question: string
  },
): AsyncGenerator<Predicted> {
  const run = await openTrainedRun(path, options)
  try {
    const samples = images.map((imageId, questionId): Sample => ({ questionId, imageId, question }))
    const task = tasks.get(run.config.task)
    for (const note of textNotes(task, samples.slice(0, 1), run.tokenizer)) options.onNote(note)
    for (const sample of samples) yield await answerOne(run, sample)
  } finally {
    run.close()
  }
}

/** Pictures may be of many sizes, so each is a batch of its own. */
async function answerOne(
  { config, tokenizer, encoder, predictor, scalars }: TrainedRun,
  sample: Sample,
): Promise<Predicted> {
  const image = sample.imageId
  try {
    const features = await openPictures(
      config,
      encoder,
      pictureFiles(new Map([[image, image]]), (id) => id),
      [image],
    )
    const task = tasks.get(config.task)
    const [answer] = await predictor.answer(
      { task, splits: {}, tokenizer, features },
      [sample],
      {},
      { scalars },
    )
    return { image, answer: answer! }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { image, error: error.message }
  }
}
