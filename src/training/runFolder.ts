/** The files of a run: what it was told, what it measured, where its best and its last checkpoint are. */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { parse, stringify } from 'yaml'
import { camel, kebab, UserError } from '../base/index.js'
import {
  cannotWrite,
  type Disk,
  disk,
  forceToDisk,
  makeFolder,
  writeHashed,
  writeWhole,
} from '../files/index.js'
import type { ScoreRow } from '../metrics/index.js'
import type { PartialConfig, TrainConfig } from './config.js'
import type { RunLock } from './runLock.js'
import { wholeCheckpoint } from './saveCheckpoint.js'

const mend = 'name another folder with --output'

export interface RunFolder {
  readonly path: string
  readonly checkpoints: string
}

const at = (path: string): RunFolder => ({ path, checkpoints: join(path, 'checkpoints') })

/** @throws {UserError} the place of a new run is taken */
export function refuseFolder(path: string): void {
  if (!existsSync(path)) return
  if (!statSync(path).isDirectory()) throw new UserError(`--output ${path} is a file: ${mend}`)
  if (readdirSync(path).length > 0) {
    throw new UserError(`--output ${path} is not empty: ${mend}, or go on with that run by --resume ${path}`)
  }
}

/**
 * The folder of a new run, or of one that goes on, for this run alone.
 *
 * @throws {UserError} the place is taken or can't be written; there is no run; another run holds it
 */
export function openRunFolder(lock: RunLock, path: string, resume: string | true | undefined): RunFolder {
  const run = resume === undefined ? createRunFolder(path) : findRun(resume)
  lock.take(run)
  return run
}

/** A new run's folder. @throws {UserError} it exists and isn't empty, or can't be made */
function createRunFolder(path: string): RunFolder {
  refuseFolder(path)
  try {
    makeFolder(join(path, 'checkpoints'))
    return at(path)
  } catch (error) {
    throw cannotWrite(error, path, mend)
  }
}

/** Takes away what a run that is begun again has left in its folder. */
export function emptyRunFolder(path: string): void {
  if (!existsSync(path)) return
  for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true, force: true })
}

/** `runs/DATE-TASK-METHOD` */
export function defaultRunFolder({ task, method }: TrainConfig, now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const date = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`
  return join(
    'runs',
    `${date}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}-${task}-${method}`,
  )
}

/** A run to go on with: the one named, or the newest in `runs/`. @throws {UserError} there is none */
export function findRun(named: string | true): RunFolder {
  const path = named === true ? newestRun() : named
  return findRunFolder(path, `--resume ${path}`)
}

/**
 * @param said how the run was named
 * @throws {UserError} no run is there
 */
export function findRunFolder(path: string, said: string = path): RunFolder {
  if (existsSync(join(path, 'config.yaml'))) return at(path)
  throw new UserError(`${said}: no config.yaml is there: name the folder of a run`)
}

function newestRun(): string {
  const names = existsSync('runs')
    ? readdirSync('runs').filter((name) => existsSync(join('runs', name, 'config.yaml')))
    : []
  const newest = names.sort().at(-1)
  if (!newest) throw new UserError('--resume: there is no run in runs/: name its folder')
  return join('runs', newest)
}

export function writeConfig(
  run: RunFolder,
  config: TrainConfig,
  versions: Readonly<Record<string, string>>,
): void {
  writeWhole(join(run.path, 'config.yaml'), stringify({ ...renamed(config, kebab), versions }), mend)
}

/** What the run was told, as the run wrote it. */
export function readConfig(run: RunFolder): Record<string, unknown> {
  const file = join(run.path, 'config.yaml')
  try {
    const { versions: _, ...config } = parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    return renamed(config, camel)
  } catch (error) {
    throw new UserError(
      `${file} can't be read (${error instanceof Error ? error.message.split('\n')[0] : error}): mend it or start a new run`,
    )
  }
}

/** What a run can't change when it goes on, since its weights are for it. */
const settled = ['task', 'method'] as const

/** @param said what is asked for besides its own settings. @throws {UserError} a run is to go on as another */
export function refuseOther(run: RunFolder, own: PartialConfig, said: readonly PartialConfig[]): void {
  for (const field of settled) {
    const other = said.findLast((layer) => layer[field] !== undefined)?.[field]
    if (other === undefined || other === own[field]) continue
    throw new UserError(
      `--${field} ${other}: the run in ${run.path} is of ${field} ${own[field]}: ` +
        'leave the option out to go on with it, or start another run without --resume',
    )
  }
}

const renamed = (config: Readonly<Record<string, unknown>>, rename: (name: string) => string) =>
  Object.fromEntries(Object.entries(config).map(([name, value]) => [rename(name), value]))

/**
 * Points `best` or `last` at a checkpoint: a link, or a file naming the folder where links don't exist.
 *
 * @param checkpoint `undefined`: at none
 * @throws {UserError} it can't be written; it points where it did before
 */
export async function pointAt(
  run: RunFolder,
  name: 'best' | 'last',
  checkpoint: string | undefined,
  on: Disk = disk,
): Promise<void> {
  const link = join(run.path, name)
  try {
    if (checkpoint === undefined) return await on.remove(link)
    const target = join('checkpoints', basename(checkpoint))
    const aside = `${link}.tmp`
    await on.remove(aside)
    try {
      await on.link(target, aside)
    } catch {
      await writeHashed(on, aside, [new TextEncoder().encode(`${target}\n`)])
    }
    await on.rename(aside, link)
    await forceToDisk(on, run.path)
  } catch (error) {
    throw cannotWrite(error, link, mend)
  }
}

/** The checkpoint that `best` or `last` points at, if any. */
export function checkpointAt(run: RunFolder, name: 'best' | 'last'): string | undefined {
  const link = join(run.path, name)
  const status = lstatSync(link, { throwIfNoEntry: false })
  if (!status) return undefined
  if (existsSync(link) && !status.isFile()) return link
  const target = status.isFile() ? readFileSync(link, 'utf8').trim() : readlinkSync(link)
  return wholeCheckpoint(resolve(run.path, target))
}

/** @returns the file */
export function writePredictions(run: RunFolder, split: string, submission: Uint8Array): string {
  const folder = join(run.path, 'predictions')
  try {
    makeFolder(folder)
  } catch (error) {
    throw cannotWrite(error, folder, mend)
  }
  const file = join(folder, `${split}.json`)
  writeWhole(file, submission, mend)
  return file
}

/** `report.md`: tables of results and the command that made them. */
export function writeReport(
  run: RunFolder,
  scores: Readonly<Record<string, readonly ScoreRow[]>>,
  about: Readonly<Record<string, string>>,
): void {
  const tables = Object.entries(scores).map(([split, rows]) => {
    const lines = rows.map(
      ({ by, name, count, score }) => `| ${by} | ${name} | ${count} | ${score.toFixed(2)} |`,
    )
    return [
      `## ${split}`,
      '',
      '| by | type | count | score (%) |',
      '| --- | --- | ---: | ---: |',
      ...lines,
      '',
    ].join('\n')
  })
  const facts = Object.entries(about).map(([name, value]) => `- ${name}: ${value}`)
  writeWhole(
    join(run.path, 'report.md'),
    [`# ${basename(run.path)}`, '', ...facts, '', ...tables].join('\n'),
    mend,
  )
}
