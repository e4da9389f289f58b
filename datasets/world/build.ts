/** The built-in world on disk: drawn at first use into the cache folder, whole or not at all, and checked ever after. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inParallel } from '../../src/base/index.js'
import { cannotWrite, makeFolder, mendCache, nameAside, syncFolder } from '../../src/files/index.js'
import { describePart, jsonFiles, type WorldPart, worldParts } from './files.js'
import { renderScene } from './render.js'

/** To be raised whenever the same call makes other bytes. */
const worldVersion = 4

const manifestName = 'manifest.json'

export interface BuildOptions {
  /** All of the world by default. */
  readonly parts?: readonly WorldPart[]
  /** Drawn pictures so far, of all. */
  readonly onProgress?: (done: number, total: number) => void
  readonly onNote?: (text: string) => void
  readonly signal?: AbortSignal
}

/**
 * The folder of the built-in world in a cache folder; made where it is missing or damaged. Two processes may do so at
 * the same time.
 *
 * @throws {UserError} the cache can't be written, or is full
 * @throws the signal's reason, with nothing left behind
 */
export async function buildWorld(cache: string, options: BuildOptions = {}): Promise<string> {
  const folder = join(cache, `world-${worldVersion}`)
  if (isWhole(folder)) return folder
  const damaged = existsSync(folder)
  options.onNote?.(
    damaged ? `${folder} is damaged: drawing it again` : `drawing the built-in world into ${folder}, once`,
  )
  const aside = nameAside(folder)
  try {
    makeFolder(cache)
    clearLeftOvers(cache)
    await write(aside, options)
    place(aside, folder)
  } catch (error) {
    throw cannotWrite(error, folder, mendCache)
  } finally {
    if (existsSync(aside)) rmSync(aside, { recursive: true })
  }
  return folder
}

/** Whether every file is there as it was written. */
function isWhole(folder: string): boolean {
  try {
    const manifest = JSON.parse(readFileSync(join(folder, manifestName), 'utf8')) as Record<string, string>
    return Object.entries(manifest).every(([file, hash]) => hashOf(readFileSync(join(folder, file))) === hash)
  } catch {
    return false
  }
}

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64url').slice(0, 22)

/** Pictures that are drawn at once: enough to keep sharp's threads busy. */
const drawnAtOnce = 32

async function write(
  folder: string,
  { parts = worldParts, onProgress, signal }: BuildOptions,
): Promise<void> {
  const hashes: Record<string, string> = {}
  const save = (file: string, bytes: Uint8Array) => {
    writeFileSync(join(folder, file), bytes)
    return hashOf(bytes)
  }
  const total = parts.reduce((sum, { scenes }) => sum + scenes, 0)
  let done = 0
  mkdirSync(folder)
  for (const part of parts) {
    mkdirSync(join(folder, part.split))
    const pictures = await inParallel(describePart(part), drawnAtOnce, async (picture) => {
      signal?.throwIfAborted()
      const hash = save(picture.file, await renderScene(picture.scene))
      onProgress?.(++done, total)
      return { ...picture, hash }
    })
    for (const [name, json] of jsonFiles(part, pictures))
      hashes[name] = save(name, Buffer.from(JSON.stringify(json)))
    for (const { file, hash } of pictures) hashes[file] = hash
  }
  writeFileSync(join(folder, manifestName), JSON.stringify(hashes))
}

/** Puts the finished folder in place, unless another process has just done so. */
function place(aside: string, folder: string): void {
  if (existsSync(folder)) {
    if (isWhole(folder)) return
    rmSync(folder, { recursive: true })
  }
  try {
    renameSync(aside, folder)
  } catch (error) {
    if (!isWhole(folder)) throw error
  }
  syncFolder(join(folder, '..'))
}

/** Removes what builds that were killed left behind. */
function clearLeftOvers(cache: string): void {
  for (const name of readdirSync(cache)) {
    const owner = /^world-\d+\.(\d+)-[0-9a-f]+\.tmp$/.exec(name)?.[1]
    if (owner && !isAlive(Number(owner))) rmSync(join(cache, name), { recursive: true, force: true })
  }
}

function isAlive(id: number): boolean {
  try {
    process.kill(id, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
