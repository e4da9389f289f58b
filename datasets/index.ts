import { existsSync } from 'node:fs'
import { registry, UserError } from '../src/base/index.js'
import { easyVqa } from './easyVqa.js'
import { jsonl } from './jsonl.js'
import type { DataSet } from './samples.js'
import { vqa } from './vqa.js'
import { vqaOfficial } from './vqaOfficial.js'

export type { DataSet, DataSetReader, PictureSource, Sample, Splits, VqaSample } from './samples.js'

/** Every layout that `--dataset` understands; the first that recognises the path reads it. */
export const readers = registry('data set layout', [easyVqa, vqa, vqaOfficial, jsonl])

/**
 * Reads and checks a whole data set; pictures stay encoded until a task asks for them.
 *
 * @param path a folder, or a file
 * @throws {UserError} no such path, an unknown layout, or the first bad row
 */
export async function openDataSet(path: string, options: { readonly seed: number }): Promise<DataSet> {
  const reader = readers.entries.find((entry) => entry.recognises(path))
  if (reader) return await reader.read(path, options)
  if (!existsSync(path))
    throw new UserError(`--dataset ${path} does not exist: name a folder with a data set`)
  const layouts = readers.entries.map(({ name, layout }) => `${name} (${layout})`)
  throw new UserError(`--dataset ${path} has no layout that is understood: use ${layouts.join(' or ')}`)
}
