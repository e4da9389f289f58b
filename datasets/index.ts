import { existsSync } from 'node:fs'
import { registry, UserError } from '../src/base/index.js'
import { builtin } from './builtin.js'
import { easyVqa } from './easyVqa.js'
import { glue } from './glue.js'
import { jsonl } from './jsonl.js'
import type { DataSet, DataSetReader, ReadOptions } from './samples.js'
import { textJsonl } from './textJsonl.js'
import { vqa } from './vqa.js'
import { vqaOfficial } from './vqaOfficial.js'

export { glueDivision } from './glue.js'
export { pictureFiles } from './pictureFiles.js'
export type {
  DataSet,
  DataSetReader,
  PictureSource,
  ReadOptions,
  Sample,
  Splits,
  TextSample,
  VqaSample,
} from './samples.js'

/** Every layout that `--dataset` understands; the first that recognises the path reads it. */
const readers = registry('data set layout', [builtin, easyVqa, vqa, vqaOfficial, glue, jsonl, textJsonl])

/** The layout that a path is read by for a task, if there is one. */
export function findReader(path: string, task: string): DataSetReader | undefined {
  return readers.entries.find(({ tasks, recognises }) => tasks.includes(task) && recognises(path))
}

/**
 * Reads and checks a whole data set; pictures stay encoded until a task asks for them.
 *
 * @param path a folder, a file, or `builtin`
 * @throws {UserError} no such path, an unknown layout or one of other tasks, or the first bad row
 */
export async function openDataSet(path: string, options: ReadOptions): Promise<DataSet> {
  const reader = findReader(path, options.task)
  if (reader) return await reader.read(path, options)
  const own = readers.entries.filter(({ tasks }) => tasks.includes(options.task))
  const layouts = own.map(({ name, layout }) => `${name} (${layout})`).join(' or ')
  const other = readers.entries.find(({ recognises }) => recognises(path))
  if (other) {
    const tasks = other.tasks.join(', ')
    throw new UserError(
      `--dataset ${path} is for ${tasks}, and has nothing for ${options.task}: use ${layouts}`,
    )
  }
  if (!existsSync(path))
    throw new UserError(`--dataset ${path} does not exist: name a folder with a data set`)
  throw new UserError(`--dataset ${path} has no layout that is understood: use ${layouts}`)
}
