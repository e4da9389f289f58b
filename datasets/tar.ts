import { extract } from 'tar-stream'
import { UserError } from '../src/base/index.js'
import { readBytes } from './rows.js'

/**
 * Files of an uncompressed tar archive by member name, all in memory; folders are left out.
 *
 * @throws {UserError} the archive is missing, damaged or cut off
 */
export async function readTar(path: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const archive = extract()
  archive.end(await readBytes(path))
  const files = new Map<string, Uint8Array>()
  try {
    for await (const entry of archive) {
      const chunks: Uint8Array[] = []
      for await (const chunk of entry) chunks.push(chunk as Uint8Array)
      if (entry.header.type === 'file') files.set(entry.header.name, Buffer.concat(chunks))
    }
  } catch (error) {
    throw new UserError(`${path} is not a whole tar file (${(error as Error).message}): fetch it again`)
  }
  if (files.size === 0) throw new UserError(`${path} is not a tar file, or holds no files: fetch it again`)
  return files
}
