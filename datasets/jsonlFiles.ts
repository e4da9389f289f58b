/** Files of one's own with a JSON object a line: which file is which split, and what a bad line is told. */
import { statSync } from 'node:fs'
import { UserError } from '../src/base/index.js'
import { readText } from './rows.js'
import type { Sample, Splits } from './samples.js'

/** What is wrong with a line, as an error about it. */
export type BadLine = (what: string) => UserError

export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

/** Whether the path is such a file, or stands for some that are divided already. */
export function isJsonl(path: string): boolean {
  return path.endsWith('.jsonl') && (isFile(path) || siblingsOf(path) !== undefined)
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

/**
 * Samples of a file and of those beside it.
 *
 * @param read reads one file
 * @param divide sets some of a file's samples aside to validate on
 */
export async function readSplits<S extends Sample>(
  path: string,
  read: (file: string) => Promise<readonly S[]>,
  divide: (samples: readonly S[]) => Pick<Splits<S>, 'train' | 'validation'>,
): Promise<Splits<S>> {
  const siblings = siblingsOf(path)
  const splits = siblings
    ? { train: await read(siblings.train), validation: await read(siblings.validation) }
    : divide(await read(path))
  const test = sibling(path, 'test')
  return isFile(test) && test !== path ? { ...splits, test: await read(test) } : splits
}

/**
 * @param example a good line
 * @param sampleOf makes a sample of a line's JSON
 * @throws {UserError} the first bad line by its number, counted from 1
 */
export async function readLines<S extends Sample>(
  path: string,
  example: string,
  sampleOf: (content: unknown, index: number, bad: BadLine) => S,
): Promise<S[]> {
  const lines = (await readText(path)).trimEnd().split('\n')
  if (lines.length === 1 && lines[0] === '') throw new UserError(`${path} is empty: a line is ${example}`)
  return lines.map((line, index) => {
    const bad = (what: string) => new UserError(`${path} line ${index + 1}: ${what}: a line is ${example}`)
    let content: unknown
    try {
      content = JSON.parse(line)
    } catch {
      throw bad(line.trim() === '' ? 'it is empty' : 'it is not JSON')
    }
    return sampleOf(content, index, bad)
  })
}
