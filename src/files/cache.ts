import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { cannotWrite, keepFirst, makeAside, makeAsideSlowly, makeFolder } from './aside.js'

/** What decides where a cache belongs. */
interface Machine {
  readonly platform: NodeJS.Platform
  readonly home: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

/**
 * The folder for what can be made again (absolute; it may not exist yet): `option`, else VL_LST_CACHE,
 * else `vl-lst` in the platform's cache folder.
 */
export function cacheFolder(option?: string, machine: Machine = thisMachine()): string {
  const given = option || machine.environment.VL_LST_CACHE
  return given ? resolve(given) : join(platformCache(machine), 'vl-lst')
}

function thisMachine(): Machine {
  return { platform: process.platform, home: homedir(), environment: process.env }
}

function platformCache({ platform, home, environment }: Machine): string {
  if (platform === 'win32') return environment.LOCALAPPDATA || join(home, 'AppData', 'Local')
  if (platform === 'darwin') return join(home, 'Library', 'Caches')
  const xdg = environment.XDG_CACHE_HOME
  return xdg && isAbsolute(xdg) ? xdg : join(home, '.cache') // XDG: relative paths are to be ignored
}

/**
 * The path of a file that is made once and then found again. It is made aside and put in place whole, so two
 * processes may make it at the same time: the first one's stays, and nobody ever sees half of it.
 *
 * @param folder the cache; made when needed
 * @param key a file name, with a hash of all that the content depends on; folders in it are made
 * @param write makes the file at the path it is given
 * @throws {UserError} the cache can't be written or is full
 */
export function cachedFile(folder: string, key: string, write: (path: string) => void): string {
  const file = join(folder, key)
  if (existsSync(file)) return file
  try {
    makeFolder(dirname(file))
    makeAside(file, write, mendCache, keepFirst)
  } catch (error) {
    refuseUnlessMade(file, error)
  }
  return file
}

/** As {@link cachedFile}, for what takes longer to make. */
export async function cachedFileSlowly(
  folder: string,
  key: string,
  write: (path: string) => Promise<void>,
): Promise<string> {
  const file = join(folder, key)
  if (existsSync(file)) return file
  try {
    makeFolder(dirname(file))
    await makeAsideSlowly(file, write, mendCache, keepFirst)
  } catch (error) {
    refuseUnlessMade(file, error)
  }
  return file
}

/** What to do where the cache can't be written, as errors say it. */
export const mendCache = 'make room or name another cache folder with --cache'

/** Another process may have been quicker, and Windows does not replace a file that is in use. */
function refuseUnlessMade(file: string, error: unknown): void {
  if (!existsSync(file)) throw cannotWrite(error, file, mendCache)
}
