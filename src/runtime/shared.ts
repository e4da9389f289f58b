import koffi, { type LibraryHandle } from 'koffi'

/** A library of the system by its name or path, or `undefined` where the system can't load it. */
export function openShared(name: string): LibraryHandle | undefined {
  try {
    return koffi.load(name)
  } catch {
    return undefined
  }
}
