import { existsSync } from 'node:fs'
import { registry, UserError } from '../src/base/index.js'
import { builtin } from './builtin.js'
import { easyVqa } from './easyVqa.js'
import { jsonl } from './jsonl.js'
import type { DataSet, ReadOptions } from './samples.js'
import { vqa } from './vqa.js'
import { vqaOfficial } from './vqaOfficial.js'

export { pictureFiles } from './pictureFiles.js'
export type {
  DataSet,
  DataSetReader,
  PictureSource,
  ReadOptions,
  Sample,
  Splits,
  VqaSample,
} from './samples.js'

/** Every layout that `--dataset` understands; the first that recognises the path reads it. */
export const readers = registry('data set layout', [builtin, easyVqa, vqa, vqaOfficial, jsonl])

/**
 * Reads and checks a whole data set; pictures stay encoded until a task asks for them.
 *
 * @param path a folder, a file, or `builtin`
 * @throws {UserError} no such path, an unknown layout, or the first bad row
 */
export async function openDataSet(path: string, options: ReadOptions): Promise<DataSet> {
  const reader = readers.entries.find((entry) => entry.recognises(path))
  if (reader) return await reader.read(path, options)
  if (!existsSync(path))
    throw new UserError(`--dataset ${path} does not exist: name a folder with a data set`)
  const layouts = readers.entries.map(({ name, layout }) => `${name} (${layout})`)
  throw new UserError(`--dataset ${path} has no layout that is understood: use ${layouts.join(' or ')}`)
}
