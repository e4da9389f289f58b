/**
 * Checkpoints are written under another name, forced to the disk and renamed, so that one is whole or not there; and
 * whatever fails or whenever the power goes, a whole one is there once the first was.
 *
 *     step-000400        a checkpoint
 *     step-000400.tmp    one that is being written or removed: counts for nothing
 *     step-000400.old    the one of the same step that is being replaced: counts where no step-000400 is
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { cannotWrite, type Disk, disk, forceToDisk, makeFolder, writeHashed } from '../files/index.js'
import { safetensorsPieces } from '../weights/index.js'
import { type CheckpointContent, checkpointFiles, checkpointName, sealed, stepOf } from './checkpoint.js'

const mend = 'make room or name another folder with --output'

const [asideEnding, oldEnding] = ['.tmp', '.old'] as const

/**
 * @param folder the run's `checkpoints`
 * @returns the checkpoint's folder
 * @throws {UserError} it can't be written; what was there before is untouched
 */
export async function saveCheckpoint(
  folder: string,
  content: CheckpointContent,
  on: Disk = disk,
): Promise<string> {
  const path = join(folder, checkpointName(content.state.step))
  try {
    makeFolder(folder)
    await tidyCheckpoints(folder, on)
    await writeFiles(`${path}${asideEnding}`, content, on)
    const replaces = existsSync(path)
    if (replaces) await on.rename(path, `${path}${oldEnding}`)
    await on.rename(`${path}${asideEnding}`, path)
    await forceToDisk(on, folder)
    if (replaces) await removeAll(`${path}${oldEnding}`, on)
    return path
  } catch (error) {
    await tidyCheckpoints(folder, on).catch(() => undefined) // the next save does it
    throw cannotWrite(error, path, mend)
  }
}

async function writeFiles(aside: string, content: CheckpointContent, on: Disk): Promise<void> {
  const encoder = new TextEncoder()
  const text = (json: unknown) => encoder.encode(`${JSON.stringify(json, null, 2)}\n`)
  const { weights, extra, optimizer, config } = content
  const files: Record<string, string> = {}
  const write = async (name: string, pieces: Iterable<ArrayBufferView>) => {
    files[name] = await writeHashed(on, join(aside, name), pieces)
  }
  await on.makeFolder(aside)
  await write(weights.file, safetensorsPieces(weights.tensors, weights.metadata))
  if (extra) await write(checkpointFiles.extra, safetensorsPieces(extra))
  await write(checkpointFiles.optimizer, safetensorsPieces(optimizer))
  await write(config.file, [text(config.json)])
  await writeHashed(on, join(aside, checkpointFiles.state), [text(sealed(content.state, files))])
  await forceToDisk(on, aside)
}

/**
 * Removes what saves that failed or were killed have left, and gives a checkpoint its name back that was being replaced.
 * No save may be under way.
 */
export async function tidyCheckpoints(folder: string, on: Disk = disk): Promise<void> {
  const names = existsSync(folder) ? readdirSync(folder) : []
  for (const name of names.filter((name) => /^step-\d+\.(tmp|old)$/.test(name))) {
    const path = join(folder, name)
    const own = path.slice(0, -oldEnding.length)
    if (name.endsWith(oldEnding) && !existsSync(own)) await on.rename(path, own)
    else await removeAll(path, on)
  }
}

/** Where a checkpoint lies; `undefined`: it is gone. */
export function wholeCheckpoint(path: string): string | undefined {
  return [path, `${path}${oldEnding}`].find((each) => existsSync(each))
}

/**
 * Removes all checkpoints but the `keep` newest up to this step and the best one. Later ones are left over from before
 * a run went on from an earlier checkpoint: they were damaged.
 *
 * @throws {UserError} one can't be removed
 */
export async function pruneCheckpoints(
  folder: string,
  { keep, step, best }: { readonly keep: number; readonly step: number; readonly best: number | undefined },
  on: Disk = disk,
): Promise<void> {
  const names = readdirSync(folder).filter((name) => /^step-\d+$/.test(name))
  const newest = names
    .filter((name) => stepOf(name) <= step)
    .sort((a, b) => stepOf(b) - stepOf(a))
    .slice(0, keep)
  for (const name of names) {
    if (newest.includes(name) || stepOf(name) === best) continue
    const path = join(folder, name)
    await on.rename(path, `${path}${asideEnding}`) // half of one is none
    await removeAll(`${path}${asideEnding}`, on)
  }
}

async function removeAll(path: string, on: Disk): Promise<void> {
  for (const name of readdirSync(path)) await on.remove(join(path, name))
  await on.removeFolder(path)
}
