import type { Checkpoint } from './safetensors.js'

/** The tensors of a checkpoint by other names; those without one are left out. */
export function renamed(checkpoint: Checkpoint, rename: (name: string) => string | undefined): Checkpoint {
  const originals = new Map<string, string>()
  for (const name of checkpoint.tensors.keys()) {
    const to = rename(name)
    if (to !== undefined) originals.set(to, name)
  }
  const original = (name: string) => originals.get(name) ?? name
  return {
    files: checkpoint.files,
    tensors: new Map(
      [...originals].map(([to, name]) => [to, { ...checkpoint.tensors.get(name)!, name: to }]),
    ),
    read: (name) => checkpoint.read(original(name)),
    readFloat32: (name) => checkpoint.readFloat32(original(name)),
    float32Chunks: (name) => checkpoint.float32Chunks(original(name)),
  }
}
