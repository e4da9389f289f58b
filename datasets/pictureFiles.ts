/** Pictures that are files of their own. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readBytes } from './rows.js'
import type { PictureSource } from './samples.js'

/** The JPEG and PNG files of those folders that exist, by their names without extension. */
export function findPictures(folders: readonly string[]): Map<string, string> {
  const paths = new Map<string, string>()
  for (const folder of folders.filter((path) => existsSync(path))) {
    for (const file of readdirSync(folder)) {
      const id = /^(.+)\.(jpe?g|png)$/i.exec(file)?.[1]
      if (id) paths.set(id, join(folder, file))
    }
  }
  return paths
}

/**
 * @param paths files by the ids of their pictures
 * @param expected where a picture without a file should be
 */
export function pictureFiles(
  paths: ReadonlyMap<string, string>,
  expected: (id: string) => string,
): PictureSource {
  const where = (id: string) => paths.get(id) ?? expected(id)
  return {
    has: (id) => paths.has(id),
    where,
    read: async (id) => await readBytes(where(id)),
  }
}
