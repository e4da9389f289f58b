import { tensorBytes } from './dtype.js'
import { openFile } from './file.js'
import { type Checkpoint, checkpointOf, find, type StoredTensor } from './stored.js'

/** A stretch of a tensor that is a tensor of its own. */
export interface Window {
  /** The tensor that it is a stretch of. */
  readonly of: string
  /** Its first element, in elements of that tensor. */
  readonly from: number
  readonly shape: readonly number[]
}

/**
 * Tensors that are stretches of one file's, and may overlap: they take the memory and the disk of what they lie in.
 *
 * @throws {UserError} no tensor of the name that a window is of
 * @throws {Error} a window that reaches beyond its tensor
 */
export function windowsOf(checkpoint: Checkpoint, windows: ReadonlyMap<string, Window>): Checkpoint {
  const file = openFile(checkpoint.files[0]!)
  const tensors = new Map<string, StoredTensor>()
  for (const [name, { of, from, shape }] of windows) {
    const { dtype, begin: first, end: last } = find(checkpoint.tensors, checkpoint.files, of)
    const begin = first + tensorBytes(dtype, [from])
    const end = begin + tensorBytes(dtype, shape)
    if (end > last) throw new Error(`window ${name} reaches ${end - last} bytes beyond ${of}`)
    tensors.set(name, { name, dtype, shape, begin, end, path: file.path })
  }
  return checkpointOf(file, tensors, ({ begin }, from, into) => file.read(begin + from, into))
}
