/** Files of initial side weights: the ladder's blocks and final norms, and what they were made of. */
import { z } from 'zod'
import { UserError } from '../../base/index.js'
import { type Checkpoint, openSafetensors, tryJson } from '../../weights/index.js'

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
  const settings = schema.safeParse(tryJson(weights.metadata[key]))
  if (settings.success) return { weights, settings: settings.data }
  throw new UserError(`${path}: does not say what it was made of: make it by vl-lst prune`)
}
