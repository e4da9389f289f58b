import { nearest, UserError } from './errors.js'

/** A table of things that are found by name: methods, tasks, data sets, optimizers, schedules. */
export interface Registry<T extends { readonly name: string }> {
  readonly names: readonly string[]
  readonly entries: readonly T[]
  /** @throws {UserError} an unknown name, with the nearest one */
  get(name: string): T
}

/**
 * @param kind what the entries are, as error messages call them
 * @throws {Error} two entries of the same name
 */
export function registry<T extends { readonly name: string }>(
  kind: string,
  entries: readonly T[],
): Registry<T> {
  const byName = new Map<string, T>()
  for (const entry of entries) {
    if (byName.has(entry.name)) throw new Error(`two ${kind}s are named ${entry.name}`)
    byName.set(entry.name, entry)
  }
  const names = [...byName.keys()]
  return {
    names,
    entries,
    get(name) {
      const entry = byName.get(name)
      if (entry) return entry
      const near = nearest(name, names)
      const hint = near ? `; the nearest is "${near}"` : ''
      throw new UserError(`unknown ${kind} "${name}"${hint} (all: ${names.join(', ')})`)
    },
  }
}
