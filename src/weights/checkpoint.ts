import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { UserError } from '../base/index.js'
import { damaged } from './header.js'
import { readJson, statusOf } from './json.js'
import { openSafetensors } from './safetensors.js'
import { type Checkpoint, find } from './stored.js'
import { isTorchFile, openTorch } from './torch/open.js'

/** How a folder keeps its weights, in one file or in shards with an index; the first way that is found counts. */
const layouts = [
  { single: 'model.safetensors', open: openSafetensors },
  { single: 'pytorch_model.bin', open: openTorch },
] as const satisfies readonly Layout[]

interface Layout {
  readonly single: string
  readonly open: (path: string) => Checkpoint
}

const indexOf = ({ single }: Layout) => `${single}.index.json`

/**
 * Opens a checkpoint: a safetensors file or one of PyTorch's, or a folder with `model.safetensors` or
 * `pytorch_model.bin`, or with shards and their `….index.json`.
 *
 * @throws {UserError} nothing there; a file that is not sound; a shard that is missing; an index that
 *   does not say what is in the shards
 */
export function openCheckpoint(path: string): Checkpoint {
  const status = statusOf(path)
  if (!status) throw new UserError(`${path}: there is no such file or folder: check the path`)
  if (!status.isDirectory()) return isTorchFile(path) ? openTorch(path) : openSafetensors(path)
  for (const layout of layouts) {
    const opened = openLayout(path, layout)
    if (opened) return opened
  }
  throw lacking(path, layouts[0].single)
}

/** As {@link openCheckpoint}, of PyTorch's files in a folder alone. */
export function openTorchFolder(path: string): Checkpoint {
  const opened = openLayout(path, layouts[1])
  if (!opened) throw lacking(path, layouts[1].single)
  return opened
}

function openLayout(path: string, layout: Layout): Checkpoint | undefined {
  if (existsSync(join(path, layout.single))) return layout.open(join(path, layout.single))
  return existsSync(join(path, indexOf(layout))) ? openShards(path, layout) : undefined
}

function lacking(path: string, single: string): UserError {
  const other = readdirSync(path).find((name) => /\.(h5|msgpack|ckpt)$/.test(name))
  return new UserError(
    other !== undefined
      ? `${path}: has ${other} but no ${single}: save the model as safetensors`
      : `${path}: has no ${single}: download or save it there`,
  )
}

/** All tensors of all checkpoints; where a name is in several, the last one counts. */
export function overlay(...checkpoints: readonly Checkpoint[]): Checkpoint {
  const owners = new Map<string, Checkpoint>()
  for (const checkpoint of checkpoints)
    for (const name of checkpoint.tensors.keys()) owners.set(name, checkpoint)
  const tensors = new Map([...owners].map(([name, owner]) => [name, owner.tensors.get(name)!]))
  const files = [...new Set(checkpoints.flatMap((checkpoint) => checkpoint.files))]
  const owner = (name: string) => find(owners, files, name)
  return {
    tensors,
    files,
    read: (name) => owner(name).read(name),
    readFloat32: (name) => owner(name).readFloat32(name),
    float32Chunks: (name, most) => owner(name).float32Chunks(name, most),
  }
}

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) })

function openShards(folder: string, layout: Layout): Checkpoint {
  const index = join(folder, indexOf(layout))
  const shardOf = readIndex(index)
  const shards = new Map<string, Checkpoint>()
  for (const [tensor, shard] of shardOf) {
    if (shards.has(shard)) continue
    if (basename(shard) !== shard || !existsSync(join(folder, shard)))
      throw damaged(join(folder, shard), `is missing (${indexOf(layout)} wants "${tensor}" from it)`)
    shards.set(shard, layout.open(join(folder, shard)))
  }
  checkIndex(index, shardOf, shards)
  return overlay(...shards.values())
}

function readIndex(index: string): ReadonlyMap<string, string> {
  const checked = indexSchema.safeParse(readJson(index))
  if (!checked.success) throw damaged(index, 'its weight_map is not an object of tensor and file names')
  return new Map(Object.entries(checked.data.weight_map))
}

/** Every tensor is in exactly the shard that the index names. */
function checkIndex(
  index: string,
  shardOf: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, Checkpoint>,
): void {
  const found = new Map<string, string>()
  for (const [shard, { tensors }] of shards)
    for (const name of tensors.keys()) {
      const other = found.get(name)
      if (other) throw damaged(index, `tensor "${name}" is in two shards, ${other} and ${shard}`)
      if (!shardOf.has(name)) throw damaged(index, `tensor "${name}" of ${shard} is not in the weight_map`)
      found.set(name, shard)
    }
  for (const [name, shard] of shardOf)
    if (found.get(name) !== shard) throw damaged(index, `tensor "${name}" is not in ${shard}`)
}
