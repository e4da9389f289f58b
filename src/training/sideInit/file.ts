/** Files of initial side weights: the ladder's blocks and final norms, and what they were made of. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { UserError } from '../../base/index.js'
import { type Checkpoint, openSafetensors } from '../../weights/index.js'

const schema = z.object({
  importance: z.string(),
  reduction: z.int().positive(),
  backbone: z.object({ name: z.string(), fingerprint: z.string() }),
  variant: z.string(),
  seed: z.int().nonnegative(),
  /** Where importance was measured on samples. */
  measuredOn: z.object({ task: z.string(), dataset: z.string(), samples: z.int().positive() }).optional(),
})

/** What side weights were made of. */
export type SideSettings = z.infer<typeof schema>

const key = 'vl_lst_side_weights'

export function sideMetadata(settings: SideSettings): Readonly<Record<string, string>> {
  return { [key]: JSON.stringify(settings) }
}

/** @throws {UserError} no such file, or one that `vl-lst prune` did not write */
export function openSideFile(path: string): {
  readonly weights: Checkpoint
  readonly settings: SideSettings
} {
  const weights = openSafetensors(path)
  const settings = schema.safeParse(parsed(weights.metadata[key]))
  if (settings.success) return { weights, settings: settings.data }
  throw new UserError(`${path}: does not say what it was made of: make it by vl-lst prune`)
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

/** Elements of each tensor that tell one checkpoint from another. */
const fingerprintElements = 4096

/** Tells a backbone by its values, wherever it lies and whatever it is stored as. */
export function fingerprintOf(weights: Checkpoint, names: readonly string[]): string {
  const hash = createHash('sha256')
  for (const name of [...names].sort()) {
    hash.update(name)
    for (const chunk of weights.float32Chunks(name, fingerprintElements)) {
      hash.update(chunk.subarray(0, fingerprintElements))
      break
    }
  }
  return hash.digest('hex').slice(0, 16)
}

/**
 * @param where what errors put before the tensor's name
 * @throws {UserError} a tensor with a value that is no number
 */
export function checkFinite(weights: Checkpoint, names: readonly string[], where: string): void {
  for (const name of names) {
    for (const chunk of weights.float32Chunks(name)) {
      if (chunk.every(Number.isFinite)) continue
      throw new UserError(`${where}tensor "${name}" has values that are not numbers: take a sound file`)
    }
  }
}
