import { type Checkpoint, renamed } from './stored.js'

/**
 * The same tensors under other names.
 *
 * @param rename `undefined` leaves a tensor out
 */
export function renamedBy(checkpoint: Checkpoint, rename: (name: string) => string | undefined): Checkpoint {
  const originals = new Map<string, string>()
  for (const name of checkpoint.tensors.keys()) {
    const to = rename(name)
    if (to !== undefined) originals.set(to, name)
  }
  return renamed(checkpoint, originals)
}
