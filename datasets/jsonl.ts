/** One's own data: a question about a picture a line, as JSON. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { nearest, UserError } from '../src/base/index.js'
import { softLabel } from '../src/metrics/index.js'
import { splitByPicture } from './holdOut.js'
import { pictureFiles } from './pictureFiles.js'
import { explain, readText } from './rows.js'
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
  recognises: (path) => path.endsWith('.jsonl') && (isFile(path) || siblingsOf(path) !== undefined),
  async read(path) {
    const siblings = siblingsOf(path)
    const test = sibling(path, 'test')
    const splits = siblings
      ? { train: await readLines(siblings.train), validation: await readLines(siblings.validation) }
      : splitByPicture(path, await readLines(path))
    const all = isFile(test) && test !== path ? { ...splits, test: await readLines(test) } : splits
    const files = Object.values(all).flatMap((samples) => samples.map(({ imageId }) => imageId))
    return {
      name: 'jsonl',
      splits: all,
      pictures: pictureFiles(new Map(files.map((file) => [file, file])), (id) => id),
    } satisfies DataSet<VqaSample>
  },
}

/** `my.jsonl`, or `my.train.jsonl`: `my.SPLIT.jsonl` */
function sibling(path: string, split: string): string {
  return path.replace(/(\.(train|validation|test))?\.jsonl$/, `.${split}.jsonl`)
}

/** The files of a data set that is divided already. */
function siblingsOf(path: string): { readonly train: string; readonly validation: string } | undefined {
  const [train, validation] = [sibling(path, 'train'), sibling(path, 'validation')]
  return isFile(train) && isFile(validation) ? { train, validation } : undefined
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

/**
 * The questions of a file; their ids are the numbers of their lines, a picture's id is its file.
 *
 * @throws {UserError} the first bad line by its number, counted from 1, and its field
 */
async function readLines(path: string): Promise<VqaSample[]> {
  const lines = (await readText(path)).trimEnd().split('\n')
  if (lines.length === 1 && lines[0] === '') throw new UserError(`${path} is empty: a line is ${example}`)
  const known = new Set<string>()
  return lines.map((line, index) => {
    const bad = (what: string) => new UserError(`${path} line ${index + 1}: ${what}: a line is ${example}`)
    const { image, question, answers } = parseLine(line, bad)
    const imageId = resolve(dirname(path), image)
    if (!known.has(imageId) && !isFile(imageId)) throw bad(missing(image, imageId))
    known.add(imageId)
    return { questionId: index + 1, imageId, question, answers, label: labelOf(answers) }
  })
}

function parseLine(line: string, bad: (what: string) => UserError) {
  let content: unknown
  try {
    content = JSON.parse(line)
  } catch {
    throw bad(line.trim() === '' ? 'it is empty' : 'it is not JSON')
  }
  const parsed = lineSchema.safeParse(content)
  if (parsed.success) {
    const { answer, answers, ...rest } = parsed.data
    return { ...rest, answers: answer === undefined ? answers! : [answer] }
  }
  const other = Object.keys(content ?? {}).find((field) => otherTasks.has(field))
  if (other !== undefined)
    throw bad(`"${other}" is a field of ${otherTasks.get(other)}, which no task here reads`)
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
