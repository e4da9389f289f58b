/**
 * Checkpoints of a run: a folder each, written under another name, forced to the disk and renamed, with the hash of
 * every file and its own in `state.json`. So a checkpoint is whole or not there, and one that was damaged later is
 * noticed.
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { UserError } from '../base/index.js'
import { cannotWrite, makeFolder, syncFolder, writeWhole } from '../files/index.js'
import {
  type Checkpoint,
  openSafetensors,
  type SafetensorsFile,
  type TensorToWrite,
  writeSafetensors,
} from '../weights/index.js'

const stateSchema = z.object({
  format: z.literal(1),
  step: z.int().nonnegative(),
  /** The epoch of that step, from 0; absent before the first, and in checkpoints of earlier versions. */
  epoch: z.int().nonnegative().optional(),
  /** The step of the last evaluation. */
  evaluated: z.int().nonnegative(),
  /** Best validation score so far and the step that reached it. */
  best: z.object({ score: z.number(), step: z.int() }).nullable(),
  /** Updates that each trained parameter has had. */
  counts: z.record(z.string(), z.int()),
  /** Seconds of training so far. */
  seconds: z.number(),
  /** SHA-256 of every other file of the checkpoint. */
  files: z.record(z.string(), z.string()),
})
/** `seal`: SHA-256 of the rest. */
const sealedSchema = stateSchema.extend({ seal: z.string() })

export type RunState = Omit<z.infer<typeof stateSchema>, 'format' | 'files'>

/** What is written besides the state. */
export interface CheckpointContent {
  readonly state: RunState
  /** Trained weights, with the configuration that says how to use them. */
  readonly weights: {
    readonly file: string
    readonly tensors: readonly TensorToWrite[]
    readonly metadata?: Readonly<Record<string, string>>
  }
  readonly config: { readonly file: string; readonly json: Readonly<Record<string, unknown>> }
  /** Trained weights that the first file has no place for. */
  readonly extra?: readonly TensorToWrite[]
  readonly optimizer: readonly TensorToWrite[]
}

const extraFile = 'extra.safetensors'
const optimizerFile = 'optimizer.safetensors'
const stateFile = 'state.json'
const mend = 'make room or name another folder with --output'

export const checkpointName = (step: number): string => `step-${String(step).padStart(6, '0')}`

/**
 * @param folder the run's `checkpoints`
 * @returns the checkpoint's folder
 * @throws {UserError} it can't be written; what was there before is untouched
 */
export function saveCheckpoint(folder: string, content: CheckpointContent): string {
  const path = join(folder, checkpointName(content.state.step))
  const aside = `${path}.tmp`
  try {
    rmSync(aside, { recursive: true, force: true })
    makeFolder(aside)
    const { file, tensors, metadata } = content.weights
    writeSafetensors(join(aside, file), tensors, metadata)
    if (content.extra) writeSafetensors(join(aside, extraFile), content.extra)
    writeSafetensors(join(aside, optimizerFile), content.optimizer)
    writeWhole(join(aside, content.config.file), `${JSON.stringify(content.config.json, null, 2)}\n`, mend)
    const files = Object.fromEntries(readdirSync(aside).map((name) => [name, hashOfFile(join(aside, name))]))
    const state = stateSchema.parse({ format: 1, ...content.state, files })
    const sealed = { ...state, seal: hashOf(JSON.stringify(state)) }
    writeWhole(join(aside, stateFile), `${JSON.stringify(sealed, null, 2)}\n`, mend)
    syncFolder(aside)
    rmSync(path, { recursive: true, force: true })
    renameSync(aside, path)
    syncFolder(folder)
    return path
  } catch (error) {
    rmSync(aside, { recursive: true, force: true })
    throw cannotWrite(error, path, mend)
  }
}

export interface LoadedCheckpoint {
  readonly path: string
  readonly state: RunState
  /** As they were written, under the names of their file. */
  readonly weights: SafetensorsFile
  readonly extra?: Checkpoint
  /** Path of the configuration that says how to use them. */
  readonly configFile: string
  readonly optimizer: Checkpoint
}

/**
 * The newest whole checkpoint of a run.
 *
 * @param onBad told about each damaged one that is passed over
 * @throws {UserError} no checkpoint is whole
 */
export function loadLastCheckpoint(folder: string, onBad: (text: string) => void): LoadedCheckpoint {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => /^step-\d+$/.test(name)) : []
  for (const name of names.sort((a, b) => stepOf(b) - stepOf(a))) {
    try {
      return loadCheckpoint(join(folder, name))
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      onBad(`${error.message}; the checkpoint before it is taken`)
    }
  }
  throw new UserError(
    `${folder} holds no checkpoint to go on from: start the run again with another --output`,
  )
}

const stepOf = (name: string): number => Number(/step-(\d+)$/.exec(name)?.[1] ?? Number.NaN)

/** @throws {UserError} a missing or damaged file */
export function loadCheckpoint(path: string): LoadedCheckpoint {
  const { files, format: _, ...state } = readState(path)
  for (const [name, hash] of Object.entries(files)) {
    const file = join(path, name)
    if (!existsSync(file)) throw new UserError(`${file} is missing: the checkpoint is damaged`)
    if (hashOfFile(file) !== hash)
      throw new UserError(`${file} is damaged: its hash is not the one in ${stateFile}`)
  }
  const weights = Object.keys(files).find((name) => name.endsWith('model.safetensors'))
  const config = Object.keys(files).find((name) => name.endsWith('config.json'))
  if (!weights || !config) throw new UserError(`${path} has no weights: the checkpoint is damaged`)
  return {
    path,
    state,
    weights: openSafetensors(join(path, weights)),
    ...(extraFile in files ? { extra: openSafetensors(join(path, extraFile)) } : {}),
    configFile: join(path, config),
    optimizer: openSafetensors(join(path, optimizerFile)),
  }
}

function readState(path: string): z.infer<typeof stateSchema> {
  const file = join(path, stateFile)
  let sealed: z.infer<typeof sealedSchema>
  try {
    sealed = sealedSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    throw new UserError(`${file} is missing or not a checkpoint's state: the checkpoint is damaged`)
  }
  const { seal, ...state } = sealed
  if (hashOf(JSON.stringify(state)) !== seal)
    throw new UserError(`${file} is damaged: its hash is not the one that it ends with`)
  return state
}

/**
 * Removes all checkpoints but the `keep` newest up to this step and the best one. Later ones are left over from before
 * a run went on from an earlier checkpoint: they were damaged.
 */
export function pruneCheckpoints(
  folder: string,
  { keep, step, best }: { readonly keep: number; readonly step: number; readonly best: number | undefined },
): void {
  const names = readdirSync(folder).filter((name) => /^step-\d+$/.test(name))
  const newest = names
    .filter((name) => stepOf(name) <= step)
    .sort((a, b) => stepOf(b) - stepOf(a))
    .slice(0, keep)
  for (const name of names) {
    if (!newest.includes(name) && stepOf(name) !== best)
      rmSync(join(folder, name), { recursive: true, force: true })
  }
}

function hashOfFile(file: string): string {
  return hashOf(readFileSync(file))
}

function hashOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
