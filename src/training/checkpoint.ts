/**
 * Checkpoints of a run: a folder each, with the hash of every file and its own in `state.json`, so that one that was
 * damaged is noticed.
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { UserError } from '../base/index.js'
import {
  type Checkpoint,
  openSafetensors,
  type SafetensorsFile,
  type TensorToWrite,
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

export const checkpointFiles = {
  extra: 'extra.safetensors',
  optimizer: 'optimizer.safetensors',
  state: 'state.json',
} as const

export const checkpointName = (step: number): string => `step-${String(step).padStart(6, '0')}`

/** The state as its file has it. @param files SHA-256 of every other file of the checkpoint */
export function sealed(
  state: RunState,
  files: Readonly<Record<string, string>>,
): Readonly<Record<string, unknown>> {
  const whole = stateSchema.parse({ format: 1, ...state, files })
  return { ...whole, seal: hashOf(JSON.stringify(whole)) }
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

export const stepOf = (name: string): number => Number(/step-(\d+)$/.exec(name)?.[1] ?? Number.NaN)

/** @throws {UserError} a missing or damaged file */
export function loadCheckpoint(path: string): LoadedCheckpoint {
  const { files, format: _, ...state } = readState(path)
  for (const [name, hash] of Object.entries(files)) {
    const file = join(path, name)
    if (!existsSync(file)) throw new UserError(`${file} is missing: the checkpoint is damaged`)
    if (hashOfFile(file) !== hash)
      throw new UserError(`${file} is damaged: its hash is not the one in ${checkpointFiles.state}`)
  }
  const weights = Object.keys(files).find((name) => name.endsWith('model.safetensors'))
  const config = Object.keys(files).find((name) => name.endsWith('config.json'))
  if (!weights || !config) throw new UserError(`${path} has no weights: the checkpoint is damaged`)
  return {
    path,
    state,
    weights: openSafetensors(join(path, weights)),
    ...(checkpointFiles.extra in files ? { extra: openSafetensors(join(path, checkpointFiles.extra)) } : {}),
    configFile: join(path, config),
    optimizer: openSafetensors(join(path, checkpointFiles.optimizer)),
  }
}

function readState(path: string): z.infer<typeof stateSchema> {
  const file = join(path, checkpointFiles.state)
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

function hashOfFile(file: string): string {
  return hashOf(readFileSync(file))
}

function hashOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
