import { existsSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Where METEOR's data is: `given`, else VL_LST_METEOR_DATA, else `meteor-data` in the cache, if it is there.
 *
 * @param cache the folder for what can be made again
 */
export function meteorFolder(cache: string, given?: string): string | undefined {
  const named = given || process.env.VL_LST_METEOR_DATA
  if (named) return named
  const kept = join(cache, 'meteor-data')
  return existsSync(kept) ? kept : undefined
}
