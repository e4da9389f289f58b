/** A run that has trained, to be asked: its weights are read from where the checkpoint lies. */
import { join } from 'node:path'
import type { VisionEncoder } from '../../vl/index.js'
import { UserError } from '../base/index.js'
import { chooseRuntime, type Runtime } from '../runtime/index.js'
import type { Task } from '../tasks/index.js'
import type { Tokenizer } from '../text/index.js'
import { type Checkpoint, overlay } from '../weights/index.js'
import { loadCheckpoint, type RunState } from './checkpoint.js'
import type { TrainConfig } from './config.js'
import type { ModelSpec } from './graphs.js'
import { Predictor } from './predictor.js'
import { type Prepared, prepare, resolveConfig } from './prepare.js'
import { checkpointAt, findRunFolder, type RunFolder } from './runFolder.js'
import { trainedWeights } from './saved.js'

export type CheckpointName = 'best' | 'last'

export interface TrainedRunOptions {
  /** The best one by default, or the last where none was scored. */
  readonly checkpoint?: CheckpointName
  readonly cache: string
  /** As many as the run's settings say by default. */
  readonly threads?: number
  readonly onNote: (text: string) => void
  /** The best that this machine has, by default. */
  readonly runtime?: Runtime
}

export interface TrainedRun {
  readonly folder: RunFolder
  readonly config: TrainConfig
  readonly task: Task
  readonly tokenizer: Tokenizer
  /** Absent: the task has no pictures. */
  readonly encoder?: VisionEncoder
  readonly predictor: Predictor
  /** The method's scheduled inputs, as they stood at the checkpoint. */
  readonly scalars: Readonly<Record<string, number>>
  /** Steps that the weights were trained for. */
  readonly step: number
  /** Idempotent. */
  close(): void
}

/** @throws {UserError} no run or checkpoint; a backbone that is no longer there, or another one */
export async function openTrainedRun(path: string, options: TrainedRunOptions): Promise<TrainedRun> {
  const runtime = options.runtime ?? chooseRuntime(options.onNote)
  const { folder, config, prepared, weights, state } = openSavedRun(path, { ...options, runtime })
  const { backbone, spec, task, tokenizer, encoder } = prepared
  const predictor = await Predictor.create({
    spec: { ...spec, method: { ...spec.method, trains: () => false } },
    weights: overlay(backbone.weights, weights),
    runtime,
    ...(config.threads === null ? {} : { threads: config.threads }),
  })
  return {
    ...{ folder, config, task, tokenizer, predictor, step: state.step },
    ...(encoder ? { encoder } : {}),
    scalars: scheduledInputs(spec, config, state.epoch ?? 0),
    close() {
      predictor.close()
      if (encoder?.kind === 'network') encoder.close()
    },
  }
}

/** A run's settings, and what they and its checkpoint make. */
export interface SavedRun {
  readonly folder: RunFolder
  readonly config: TrainConfig
  readonly prepared: Prepared
  /** The trained weights by the model's names. */
  readonly weights: Checkpoint
  readonly state: RunState
}

/** @throws {UserError} as {@link openTrainedRun} */
export function openSavedRun(
  path: string,
  { threads, cache, onNote, checkpoint, runtime }: TrainedRunOptions & { readonly runtime: Runtime },
): SavedRun {
  const folder = findRunFolder(path)
  const config = resolveConfig([threads === undefined ? {} : { threads }], path)
  const loaded = loadCheckpoint(chosenCheckpoint(folder, checkpoint))
  const prepared = preparedAgain(folder, config, { cache, runtime, onNote })
  const weights = trainedWeights(loaded, config, prepared)
  return { folder, config, prepared, weights, state: loaded.state }
}

/** The method's scheduled inputs in an epoch, counted from 0. */
export function scheduledInputs(
  { method, options }: ModelSpec,
  { epochs }: TrainConfig,
  epoch: number,
): Readonly<Record<string, number>> {
  return method.schedules?.(options, epoch, Math.ceil(epochs)) ?? {}
}

/** An error about a setting, as one of the run's file: it was not typed. */
export function inWordsOfRun({ path }: RunFolder, error: unknown): unknown {
  const [, option, rest] =
    (error instanceof UserError && /^--(backbone|dataset|tokenizer|vision) (.*)$/s.exec(error.message)) || []
  return option === undefined ? error : new UserError(`${join(path, 'config.yaml')}: "${option}" ${rest}`)
}

function preparedAgain(folder: RunFolder, config: TrainConfig, options: Parameters<typeof prepare>[1]) {
  try {
    return prepare(config, options)
  } catch (error) {
    throw inWordsOfRun(folder, error)
  }
}

function chosenCheckpoint(folder: RunFolder, named: CheckpointName | undefined): string {
  const names = named ? [named] : (['best', 'last'] as const)
  const found = names.map((name) => checkpointAt(folder, name)).find((path) => path !== undefined)
  if (found !== undefined) return found
  const mend =
    named === 'best' && checkpointAt(folder, 'last')
      ? 'use --checkpoint last'
      : `go on with it by vl-lst train --resume ${folder.path}`
  throw new UserError(
    `${folder.path} has no ${named ?? 'checkpoint'}${named ? ' checkpoint' : ''} yet: ${mend}`,
  )
}
