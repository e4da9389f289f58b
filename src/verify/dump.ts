import { dirname, join } from 'node:path'
import { UserError } from '../base/index.js'
import { makeFolder } from '../files/index.js'
import { writeSafetensors } from '../weights/index.js'
import type { RecordedCase } from './case.js'
import { isSameShape } from './compare.js'
import type { Values } from './values.js'

/**
 * Writes everything computed that the case expects, by the expected names, as `FOLDER/GROUP/NAME.safetensors`;
 * nothing for a case without tensors.
 *
 * @throws {UserError} the folder can't be written
 */
export function dumpValues(
  folder: string,
  { name, expected }: RecordedCase,
  values: ReadonlyMap<string, Values>,
): void {
  if (expected.tensors.size === 0) return
  const path = join(folder, `${name}.safetensors`)
  try {
    makeFolder(dirname(path))
  } catch (error) {
    throw new UserError(`${dirname(path)} can't be made (${error instanceof Error ? error.message : error})`)
  }
  writeSafetensors(
    path,
    [...expected.tensors].flatMap(([key, { shape: wanted }]) => {
      const computed = values.get(key)
      if (!computed) return []
      const shape = isSameShape(computed.shape, wanted) ? wanted : computed.shape
      const dtype = computed.data instanceof BigInt64Array ? ('I64' as const) : ('F32' as const)
      return [{ name: key, dtype, shape, data: computed.data }]
    }),
  )
}
