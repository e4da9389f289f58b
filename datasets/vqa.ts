/**
 * VQA v2 as the paper's code stores it (VL-T5's processed files): `vqa/*.json` are arrays of questions
 * with soft labels, pictures are COCO's.
 */
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { UserError } from '../src/base/index.js'
import { findPictures, pictureFiles } from './pictureFiles.js'
import { badRow, type RowFormat, readRows } from './rows.js'
import type { DataSet, DataSetReader, PictureSource, Splits, VqaSample } from './samples.js'

/** Which files make which split: Karpathy's division (the paper's tables), else LXMERT's. */
const divisions = [
  { train: ['karpathy_train'], validation: ['karpathy_val'], test: ['karpathy_test'] },
  { train: ['train', 'nominival'], validation: ['minival'], test: ['test'] },
] as const

/** Picture folders in COCO/images; the reference reads every split from all of them. */
const pictureFolders = ['train2014', 'val2014', 'test2015']

const text = z.string('not a string')
const answer = z.union([text, z.object({ answer: text }).transform((given) => given.answer)], 'not an answer')

const row: RowFormat<VqaSample> = {
  schema: z
    .object(
      {
        question_id: z.union([z.int(), z.string()], 'neither a whole number nor a string'),
        img_id: text,
        sent: text.optional(),
        question: text.optional(),
        label: z
          .record(z.string(), z.number('not a number').nonnegative('below zero'), 'not an object of scores')
          .optional(),
        question_type: text.optional(),
        answer_type: text.optional(),
        answers: z.array(answer, 'not an array of answers').optional(),
        is_topk_optimal: z.boolean('neither true nor false').optional(),
      },
      'not an object',
    )
    .refine((given) => given.sent !== undefined || given.question !== undefined, { path: ['sent'] })
    .transform((given) => ({
      questionId: given.question_id,
      imageId: given.img_id,
      question: given.sent ?? given.question!,
      label: given.label && new Map(Object.entries(given.label)),
      answerType: given.answer_type,
      questionType: given.question_type,
      answers: given.answers,
      isTopkOptimal: given.is_topk_optimal,
    })),
  example:
    '{"question_id": 12, "img_id": "COCO_train2014_000000000034", "sent": "…", "label": {"answer": score}, …}',
}

export const vqa: DataSetReader = {
  name: 'vqa',
  tasks: ['vqa'],
  layout: 'a folder with vqa/karpathy_train.json, vqa/karpathy_val.json and COCO/images/{train2014,val2014}',
  recognises: (path) => divisionOf(questionFolder(path)) !== undefined,
  async read(path) {
    const folder = questionFolder(path)
    const division = divisionOf(folder)!
    const pictures = openPictures(join(dirname(folder), 'COCO'))
    const splits: Splits<VqaSample> = {
      train: await readFiles(folder, division.train, pictures),
      validation: await readFiles(folder, division.validation, pictures),
    }
    const test = division.test.filter((name) => existsSync(join(folder, `${name}.json`)))
    return {
      name: 'vqa',
      splits: test.length === 0 ? splits : { ...splits, test: await readFiles(folder, test, pictures) },
      pictures,
    } satisfies DataSet<VqaSample>
  },
}

/** `path` may be the folder of all data sets, or its `vqa`. */
function questionFolder(path: string): string {
  return basename(path) === 'vqa' ? path : join(path, 'vqa')
}

function divisionOf(folder: string) {
  return divisions.find(({ train }) => existsSync(join(folder, `${train[0]}.json`)))
}

/** Questions of several files, one after the other. Every question of a labelled file needs its label. */
async function readFiles(
  folder: string,
  names: readonly string[],
  pictures: PictureSource,
): Promise<VqaSample[]> {
  const samples: VqaSample[] = []
  for (const name of names) {
    const path = join(folder, `${name}.json`)
    const rows = await readRows(path, row)
    const labelled = rows.some(({ label }) => label) || name !== 'test'
    for (const [index, sample] of rows.entries()) {
      if (labelled && !sample.label) throw badRow(path, index, '"label" is missing', row)
      if (!pictures.has(sample.imageId)) {
        const what = `"img_id" is "${sample.imageId}", but ${pictures.where(sample.imageId)} does not exist`
        throw badRow(path, index, what, row)
      }
    }
    for (const sample of rows) samples.push(sample)
  }
  return samples
}

/**
 * COCO's pictures by file name without its extension.
 *
 * @throws {UserError} there are none, saying so where only precomputed features lie
 */
function openPictures(coco: string): PictureSource {
  const images = join(coco, 'images')
  const paths = findPictures(pictureFolders.map((name) => join(images, name)))
  if (paths.size === 0) {
    const features = ['clip_features', 'features']
      .map((name) => join(coco, name))
      .find((at) => existsSync(at))
    const hint = features ? `${features} has features (.h5), which are not read yet` : 'there are no pictures'
    throw new UserError(`${images}: ${hint}: put COCO's pictures into ${pictureFolders.join(', ')} there`)
  }
  return pictureFiles(paths, (id) => join(images, id.split('_')[1] ?? '', `${id}.jpg`))
}
