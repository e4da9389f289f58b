import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { cachedFile } from '../files/index.js'
import type { Dtype } from './dtype.js'
import { openSafetensors } from './safetensors.js'
import { type Checkpoint, renamed, type StoredTensor, tiedNames } from './stored.js'
import { type TensorToWrite, writeTensors } from './write.js'

/**
 * The checkpoint with every floating-point tensor as float32, so that its files can be mapped and used
 * where they lie. If it is already so, it is returned as it is; otherwise a widened copy is made in
 * the cache, once for each state of its files, without a whole tensor in memory. Tied tensors are written once.
 *
 * @param cache the cache folder
 * @throws {UserError} the cache can't be written or is full
 */
export function asFloat32(checkpoint: Checkpoint, cache: string): Checkpoint {
  const all = [...checkpoint.tensors]
  if (!all.some(([, { dtype, layout }]) => isWidened(dtype) || layout !== undefined)) return checkpoint
  const tied = tiedNames(checkpoint.tensors)
  const written = cachedFile(cache, cacheKey(checkpoint), (path) =>
    writeTensors(
      path,
      all.filter(([name]) => !tied.has(name)).map(([name, tensor]) => widened(checkpoint, name, tensor)),
    ),
  )
  const originals = new Map(all.map(([name]) => [name, tied.get(name) ?? name]))
  return renamed(openSafetensors(written), originals)
}

function widened(checkpoint: Checkpoint, name: string, { dtype, shape }: StoredTensor): TensorToWrite {
  if (!isWidened(dtype)) return { name, dtype, shape, data: () => [checkpoint.read(name)] }
  return { name, dtype: 'F32', shape, data: () => checkpoint.float32Chunks(name) }
}

function isWidened(dtype: Dtype): boolean {
  return dtype === 'F16' || dtype === 'BF16' || dtype === 'F64'
}

/** A name that changes with the files (path, size, time of last change) and with what is taken from them. */
function cacheKey(checkpoint: Checkpoint): string {
  const files = checkpoint.files.map((path) => {
    const { size, mtimeMs } = statSync(path)
    return { path, size, mtimeMs }
  })
  const tensors = [...checkpoint.tensors.values()]
  const hash = createHash('sha256').update(JSON.stringify({ files, tensors }))
  return `float32-${hash.digest('hex')}.safetensors`
}
