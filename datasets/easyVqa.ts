/**
 * easy-VQA (V. Zhou, https://github.com/vzhou842/easy-VQA): pictures of one shape in 64×64 pixels,
 * template questions, 13 answers. Its question files, with each picture folder packed as a tar file.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { UserError } from '../src/base/index.js'
import { heldOut } from './holdOut.js'
import { badRow, type RowFormat, readRows } from './rows.js'
import type { DataSet, DataSetReader, PictureSource, VqaSample } from './samples.js'
import { readTar } from './tar.js'

/** The type of a question is told by its answer. */
const answersOfType = {
  'yes/no': ['yes', 'no'],
  shape: ['circle', 'rectangle', 'triangle'],
  colour: ['black', 'blue', 'brown', 'gray', 'green', 'red', 'teal', 'yellow'],
}
const typeOfAnswer = new Map(
  Object.entries(answersOfType).flatMap(([type, answers]) =>
    answers.map((answer) => [answer, type] as const),
  ),
)

const row: RowFormat<{ question: string; answer: string; 'image id': number }> = {
  schema: z.strictObject(
    {
      question: z.string('not a string'),
      answer: z.string('not a string'),
      'image id': z.int('not a whole number'),
    },
    'not an array of three',
  ),
  example: '["question", "answer", image id]',
  fields: ['question', 'answer', 'image id'],
}

export const easyVqa: DataSetReader = {
  name: 'easy-vqa',
  tasks: ['vqa'],
  layout: 'a folder with train-questions.json, train-images.tar, test-questions.json, test-images.tar',
  recognises: (path) =>
    ['train-questions.json', 'train-images.tar'].some((name) => existsSync(join(path, name))),
  async read(path) {
    const train = await readSplit(path, 'train')
    const test = await readSplit(path, 'test')
    const held = heldOut(train.pictures.keys())
    return {
      name: 'easy-vqa',
      splits: {
        train: train.samples.filter(({ imageId }) => !held.has(imageId)),
        validation: train.samples.filter(({ imageId }) => held.has(imageId)),
        test: test.samples,
      },
      pictures: pictureSource(path, new Map([...train.pictures, ...test.pictures])),
    } satisfies DataSet<VqaSample>
  },
}

/**
 * One of the two published splits. Picture ids are `train/12`: the numbers of the splits overlap. A
 * question has no id of its own: it gets its row number.
 */
async function readSplit(path: string, split: 'train' | 'test') {
  const archive = join(path, `${split}-images.tar`)
  const questions = join(path, `${split}-questions.json`)
  const pictures = new Map<string, Uint8Array>()
  for (const [member, bytes] of await readTar(archive)) {
    const number = /^(\d+)\.png$/.exec(member)?.[1]
    if (!number)
      throw new UserError(`${archive}: "${member}" is not named NUMBER.png: rename it or take it out`)
    pictures.set(`${split}/${number}`, bytes)
  }
  const labels = new Map<string, ReadonlyMap<string, number>>() // one map an answer, shared by its samples
  const samples = (await readRows(questions, row)).map(
    ({ question, answer, 'image id': number }, index): VqaSample => {
      const imageId = `${split}/${number}`
      if (!pictures.has(imageId)) {
        throw badRow(questions, index, `"image id" is ${number}, but ${archive} has no ${number}.png`, row)
      }
      const label = labels.get(answer) ?? new Map([[answer, 1]])
      labels.set(answer, label)
      return {
        questionId: index,
        imageId,
        question,
        label,
        questionType: typeOfAnswer.get(answer) ?? 'other',
      }
    },
  )
  return { samples, pictures }
}

function pictureSource(path: string, pictures: ReadonlyMap<string, Uint8Array>): PictureSource {
  const where = (id: string) => {
    const [split, number] = id.split('/')
    return `${join(path, `${split}-images.tar`)}: ${number}.png`
  }
  return {
    has: (id) => pictures.has(id),
    where,
    async read(id) {
      const bytes = pictures.get(id)
      if (!bytes) throw new UserError(`${where(id)} does not exist: name a picture of the archive`)
      return bytes
    },
  }
}
