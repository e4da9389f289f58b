/**
 * VQA v2 as it is published (https://visualqa.org/download.html): questions and ten people's answers in files of their
 * own a split, pictures by COCO's numbers. Data of the same shape has another data type in its names.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { UserError } from '../src/base/index.js'
import { normaliseTrainingAnswer, softLabel } from '../src/metrics/index.js'
import { splitByPicture } from './holdOut.js'
import { findPictures, pictureFiles } from './pictureFiles.js'
import { badRow, type RowFormat, readJson, readRows } from './rows.js'
import type { DataSet, DataSetReader, PictureSource, VqaSample } from './samples.js'

const text = z.string('not a string')
const whole = z.int('not a whole number')

const questionRow = {
  schema: z.object(
    { question_id: whole, image_id: whole, question: text.refine((given) => given.trim(), 'empty') },
    'not an object',
  ),
  example: '{"question_id": 12, "image_id": 34, "question": "…"}',
  under: 'questions',
} satisfies RowFormat<unknown>

const annotationRow = {
  schema: z.object(
    {
      question_id: whole,
      question_type: text.optional(),
      answer_type: text.optional(),
      answers: z
        .array(z.object({ answer: text }, 'not an object with an answer'), 'not an array')
        .nonempty('empty'),
    },
    'not an object',
  ),
  example: '{"question_id": 12, "answers": [{"answer": "…"}, …], …}',
  under: 'annotations',
} satisfies RowFormat<unknown>

type Annotation = z.infer<typeof annotationRow.schema>

/** A file of questions, with what belongs to it. */
interface Part {
  readonly questions: string
  readonly annotations: string | undefined
  readonly pictures: PictureSource
  /** The id of a picture in `pictures`, by its number. */
  readonly idOf: (image: number) => string
}

/** The training answers that labels are made of, where somebody counted them (airsplay/lxmert, `data/vqa`). */
const frequentAnswers = ['trainval_ans2label.json', 'vqa-ans2label.json']

export const vqaOfficial: DataSetReader = {
  name: 'vqa-official',
  tasks: ['vqa'],
  layout:
    'a folder with v2_OpenEnded_mscoco_{train2014,val2014}_questions.json, v2_mscoco_{train2014,val2014}_annotations.json ' +
    'and images/{train2014,val2014}, or with vqa-questions.json, vqa-annotations.json and images',
  recognises: (path) =>
    existsSync(path) &&
    statSync(path).isDirectory() &&
    readdirSync(path).some((name) => questionFile.test(name) || singleFile.test(name)),
  async read(path) {
    const parts = findParts(path)
    const splits = new Map<string, readonly VqaSample[]>()
    for (const [split, part] of parts) splits.set(split, await readPart(part))
    const { train, validation, ...others } = Object.fromEntries(splits)
    const both = validation ? { train: train!, validation } : splitByPicture(path, train!)
    const vocabulary = (await readVocabulary(path)) ?? normalisedAnswers(both.train)
    const labelled = Object.entries({ ...both, ...others }).map(([split, samples]) => [
      split,
      samples.map((sample) => withLabel(sample, vocabulary)),
    ])
    return {
      name: 'vqa-official',
      splits: Object.fromEntries(labelled),
      pictures: together([...parts.values()].map(({ pictures }) => pictures)),
    } satisfies DataSet<VqaSample>
  },
}

const questionFile = /^v2_OpenEnded_(?<dataType>.+)_(?<subtype>[^_]+)_questions\.json(\.gz)?$/
const singleFile = /^vqa-questions\.json(\.gz)?$/

const splitNames = new Map([
  ['train', 'train'],
  ['val', 'validation'],
  ['test', 'test'],
  ['test-dev', 'test-dev'],
])

/** The files of each split; a single one is all of the data. */
function findParts(path: string): Map<string, Part> {
  const names = readdirSync(path).sort()
  const single = names.find((name) => singleFile.test(name))
  if (single) return new Map([['train', singlePart(path, single)]])
  const found = new Map<string, Part & { readonly name: string }>()
  for (const name of names) {
    const { dataType, subtype } = questionFile.exec(name)?.groups ?? {}
    if (dataType === undefined || subtype === undefined) continue
    const split = splitNames.get(subtype.replace(/\d{4}$/, ''))
    const file = join(path, name)
    if (!split) throw new UserError(`${file}: "${subtype}" is none of ${[...splitNames.keys()].join(', ')}`)
    const other = found.get(split)
    if (other && `${other.name}.gz` === name) continue
    if (other) throw new UserError(`${other.questions} and ${file} are both ${split}: leave one of them out`)
    found.set(split, { ...publishedPart(path, file, dataType, subtype), name })
  }
  for (const split of ['train', 'val']) {
    if (!found.has(splitNames.get(split)!)) {
      throw new UserError(`${path} has no v2_OpenEnded_…_${split}…_questions.json: put it there`)
    }
  }
  return found
}

function publishedPart(path: string, questions: string, dataType: string, subtype: string): Part {
  const folder = subtype.replace('-dev', '') // test-dev asks about pictures of test
  const prefix = `${dataType === 'mscoco' ? 'COCO' : dataType}_${folder}_`
  const folders = [join(path, folder), join(path, 'images', folder), join(path, 'images')]
  const place = folders.find((each) => existsSync(each)) ?? folders[1]!
  return {
    questions,
    annotations: annotationFile(join(path, `v2_${dataType}_${subtype}_annotations.json`), subtype),
    pictures: pictureFiles(findPictures(folders.toReversed()), (id) => join(place, `${id}.jpg`)),
    idOf: (image) => `${prefix}${String(image).padStart(12, '0')}`,
  }
}

/** Pictures may be called by their numbers alone, or have them behind a last `_`. */
function singlePart(path: string, name: string): Part {
  const images = join(path, 'images')
  const paths = findPictures([images])
  const byNumber = new Map([...paths.keys()].map((id) => [Number(/^(?:.*_)?(\d+)$/.exec(id)?.[1]), id]))
  return {
    questions: join(path, name),
    annotations: annotationFile(join(path, 'vqa-annotations.json'), 'train'),
    pictures: pictureFiles(paths, (id) => join(images, `${id}.jpg`)),
    idOf: (image) => byNumber.get(image) ?? String(image).padStart(12, '0'),
  }
}

/** Answers of a test may be secret; others have to be there. */
function annotationFile(path: string, subtype: string): string | undefined {
  const found = [path, `${path}.gz`].find((each) => existsSync(each))
  return found ?? (subtype.startsWith('test') ? undefined : path)
}

/** Questions with their answers, without labels. */
async function readPart({ questions, annotations, pictures, idOf }: Part): Promise<VqaSample[]> {
  const rows = await readRows(questions, questionRow)
  const asked = new Set<number>()
  for (const [index, { question_id }] of rows.entries()) {
    if (asked.has(question_id)) throw askedTwice(questions, index, question_id, questionRow)
    asked.add(question_id)
  }
  const byQuestion =
    annotations === undefined ? undefined : await readAnnotations(annotations, questions, asked)
  return rows.map((row, index) => {
    const imageId = idOf(row.image_id)
    if (!pictures.has(imageId)) {
      const what = `"image_id" is ${row.image_id}, but ${pictures.where(imageId)} does not exist`
      throw badRow(questions, index, what, questionRow)
    }
    const sample = { questionId: row.question_id, imageId, question: row.question }
    if (!byQuestion) return sample
    const annotation = byQuestion.get(row.question_id)
    if (!annotation) {
      const what = `"question_id" is ${row.question_id}, which ${annotations} has no annotation of`
      throw badRow(questions, index, what, questionRow)
    }
    return {
      ...sample,
      answerType: annotation.answer_type,
      questionType: annotation.question_type,
      answers: annotation.answers.map(({ answer }) => answer),
    }
  })
}

/** By question. @throws {UserError} one of no question, or a second one of the same */
async function readAnnotations(
  path: string,
  questions: string,
  asked: ReadonlySet<number>,
): Promise<Map<number, Annotation>> {
  const byQuestion = new Map<number, Annotation>()
  for (const [index, annotation] of (await readRows(path, annotationRow)).entries()) {
    const id = annotation.question_id
    if (!asked.has(id)) {
      throw badRow(path, index, `"question_id" is ${id}, which ${questions} does not ask`, annotationRow)
    }
    if (byQuestion.has(id)) throw askedTwice(path, index, id, annotationRow)
    byQuestion.set(id, annotation)
  }
  return byQuestion
}

function askedTwice(path: string, index: number, id: number, format: RowFormat<unknown>): UserError {
  return badRow(path, index, `"question_id" is ${id}, as in a row before`, format)
}

async function readVocabulary(path: string): Promise<ReadonlySet<string> | undefined> {
  const file = frequentAnswers.map((name) => join(path, name)).find((each) => existsSync(each))
  if (file === undefined) return undefined
  const parsed = z.record(z.string(), z.number()).safeParse(await readJson(file))
  if (parsed.success) return new Set(Object.keys(parsed.data))
  throw new UserError(`${file} is not an object of answers and numbers: take it away, or mend it`)
}

function normalisedAnswers(samples: readonly VqaSample[]): ReadonlySet<string> {
  const given = new Set(samples.flatMap(({ answers = [] }) => answers))
  return new Set([...given].map(normaliseTrainingAnswer))
}

function withLabel(sample: VqaSample, vocabulary: ReadonlySet<string>): VqaSample {
  return sample.answers ? { ...sample, label: softLabel(sample.answers, vocabulary) } : sample
}

/** Pictures of several splits; their ids name the split. */
function together(sources: readonly PictureSource[]): PictureSource {
  const of = (id: string) => sources.find((source) => source.has(id)) ?? sources[0]!
  return {
    has: (id) => of(id).has(id),
    where: (id) => of(id).where(id),
    read: async (id) => await of(id).read(id),
  }
}
