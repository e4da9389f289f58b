/** One's own data: a question about a picture a line, as JSON. */
import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { nearest } from '../src/base/index.js'
import { softLabel } from '../src/metrics/index.js'
import { splitByPicture } from './holdOut.js'
import { type BadLine, isFile, isJsonl, readLines, readSplits } from './jsonlFiles.js'
import { pictureFiles } from './pictureFiles.js'
import { explain } from './rows.js'
import type { DataSet, DataSetReader, VqaSample } from './samples.js'

const text = z.string('not a string').refine((given) => given.trim() !== '', 'empty')

const lineSchema = z
  .object(
    {
      image: text,
      question: text,
      answer: text.optional(),
      answers: z.array(text, 'not an array').nonempty('empty').optional(),
    },
    'not an object',
  )
  .refine(({ answer, answers }) => answer !== undefined || answers !== undefined, { path: ['answer'] })
  .refine(({ answer, answers }) => answer === undefined || answers === undefined, {
    path: ['answers'],
    message: 'beside "answer"',
  })

const example = '{"image": "kitchen.jpg", "question": "…", "answer": "…"}'

/** Fields that tell lines of other tasks. */
const otherTasks = new Map([
  ['captions', 'captions'],
  ['images', 'statements about two pictures'],
  ['sentence', 'statements about two pictures'],
  ['sentence1', 'pairs of sentences'],
])

export const jsonl: DataSetReader = {
  name: 'jsonl',
  tasks: ['vqa'],
  layout: `a .jsonl file of lines like ${example}`,
  recognises: isJsonl,
  async read(path) {
    const splits = await readSplits(path, readQuestions, (samples) => splitByPicture(path, samples))
    const files = Object.values(splits).flatMap((samples) => samples.map(({ imageId }) => imageId))
    return {
      name: 'jsonl',
      splits,
      pictures: pictureFiles(new Map(files.map((file) => [file, file])), (id) => id),
    } satisfies DataSet<VqaSample>
  },
}

/** The questions of a file; their ids are the numbers of their lines, a picture's id is its file. */
function readQuestions(path: string): Promise<VqaSample[]> {
  const known = new Set<string>()
  return readLines(path, example, (content, index, bad) => {
    const { image, question, answers } = checked(content, bad)
    const imageId = resolve(dirname(path), image)
    if (!known.has(imageId) && !isFile(imageId)) throw bad(missing(image, imageId))
    known.add(imageId)
    return { questionId: index + 1, imageId, question, answers, label: labelOf(answers) }
  })
}

function checked(content: unknown, bad: BadLine) {
  const parsed = lineSchema.safeParse(content)
  if (parsed.success) {
    const { answer, answers, ...rest } = parsed.data
    return { ...rest, answers: answer === undefined ? answers! : [answer] }
  }
  const other = Object.keys(content ?? {}).find((field) => otherTasks.has(field))
  if (other !== undefined)
    throw bad(`"${other}" is a field of ${otherTasks.get(other)}, which the task does not read`)
  throw bad(explain(content, content, parsed.error.issues[0]!))
}

/** Several people's answers count as VQA's do, one answer counts whole. */
function labelOf(answers: readonly string[]): ReadonlyMap<string, number> {
  const [first] = answers
  return answers.length === 1 ? new Map([[first!, 1]]) : softLabel(answers, new Set(answers))
}

function missing(image: string, file: string): string {
  const folder = dirname(file)
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => isFile(join(folder, name))) : []
  const near = nearest(basename(file), files)
  const meant = near === undefined ? '' : ` (did you mean ${join(dirname(image), near)}?)`
  return `"image" is ${JSON.stringify(image)}, but ${file} is no file${meant}`
}
