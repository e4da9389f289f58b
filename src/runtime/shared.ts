/** Libraries of the system. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import koffi, { type LibraryHandle } from 'koffi'

/** Never closed: what a driver leaves behind (hooks, threads, thread-local memory) must not point to code that is gone. */
const opened = new Map<string, LibraryHandle>()

/** A library of the system by its name or path, or `undefined` where the system can't load it. */
export function openShared(name: string): LibraryHandle | undefined {
  try {
    const library = opened.get(name) ?? koffi.load(name)
    opened.set(name, library)
    return library
  } catch {
    return undefined
  }
}

const linkersCache = '/etc/ld.so.cache'
const usualFolders = ['/lib', '/usr/lib', '/lib64', '/usr/lib64']

/**
 * Where Linux would find a library, without loading it: MPICH's brings UCX, which hooks into the process's memory.
 *
 * @param name of a file, without folder
 * @see `man 8 ld.so`: the folders of LD_LIBRARY_PATH, then the linker's cache of names, then the usual folders
 */
export function findShared(name: string): string | undefined {
  const first = (process.env.LD_LIBRARY_PATH ?? '').split(/[:;]/).filter((folder) => folder !== '')
  const paths = [
    ...first.map((folder) => join(folder, name)),
    ...cachedPaths(name),
    ...usualFolders.map((folder) => join(folder, name)),
  ]
  return paths.find((path) => existsSync(path))
}

/** The cache's texts are paths that end with 0. */
function cachedPaths(name: string): readonly string[] {
  if (!existsSync(linkersCache)) return []
  const texts = readFileSync(linkersCache, 'latin1').split('\0')
  return texts.filter((text) => text.startsWith('/') && text.endsWith(`/${name}`))
}
