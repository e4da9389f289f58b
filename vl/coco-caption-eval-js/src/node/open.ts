import { createHash, randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { CaptionError } from '../errors.js'
import { compactMeteor } from '../meteor/compact.js'
import { magic } from '../meteor/layout.js'
import { MeteorTables } from '../meteor/tables.js'
import { findSources, type PackedSource, unpackSources } from './sources.js'

/** How to come by METEOR's resources, in a line. */
export const meteorHelp =
  'METEOR needs its data (LGPL, not part of this package): name the folder of METEOR 1.5, with paraphrase-en.gz and its .jar, by'

export interface OpenMeteorOptions {
  /** Where METEOR's resources are. */
  readonly folder: string
  /** Where their compact form is kept. */
  readonly cache: string
  /** Called when the compact form has to be made first, which takes a while. */
  readonly onMake?: () => void
}

/**
 * METEOR's tables. Their compact form is made once, and found by the hash of what it was made of.
 *
 * @throws {CaptionError} something is missing in the folder, damaged, or not METEOR 1.5's; the cache can't be written
 */
export function openMeteor({ folder, cache, onMake }: OpenMeteorOptions): MeteorTables {
  const sources = findSources(folder)
  const file = join(cache, 'meteor', `${keyOf(sources)}.bin`)
  return (existsSync(file) && readTables(file)) || makeTables(sources, file, onMake)
}

function keyOf(sources: readonly PackedSource[]): string {
  const hash = createHash('sha256').update(Uint32Array.of(magic))
  for (const { part, bytes } of sources) hash.update(`${part} ${bytes.length}\n`).update(bytes)
  return hash.digest('hex').slice(0, 32)
}

/** `undefined` where the file isn't whole: it is made anew. */
function readTables(file: string): MeteorTables | undefined {
  try {
    return new MeteorTables(readFileSync(file))
  } catch (error) {
    if (error instanceof CaptionError) return undefined
    throw error
  }
}

function makeTables(sources: readonly PackedSource[], file: string, onMake?: () => void): MeteorTables {
  onMake?.()
  const bytes = compactMeteor(unpackSources(sources))
  placeWhole(file, bytes)
  return new MeteorTables(bytes)
}

/** Written aside and renamed: the file is whole or not there, also where two processes make it at once. */
function placeWhole(file: string, bytes: Uint8Array): void {
  const aside = `${file}.${process.pid}-${randomBytes(6).toString('hex')}.tmp`
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(aside, bytes)
    const descriptor = openSync(aside, 'r+')
    fsyncSync(descriptor)
    closeSync(descriptor)
    renameSync(aside, file)
  } catch (error) {
    rmSync(aside, { force: true })
    const reason = error instanceof Error ? error.message : error
    throw new CaptionError(`${file}: cannot be written (${reason}): make room or name another cache folder`)
  }
}
