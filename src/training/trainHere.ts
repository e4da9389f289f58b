/** A training run in this process, from its configuration to its first step. */
import { availableParallelism } from 'node:os'
import { firstAlone } from '../base/index.js'
import { chooseRuntime, keepHeapSmall } from '../runtime/index.js'
import { overlay } from '../weights/index.js'
import type { TrainConfig } from './config.js'
import { openData } from './data.js'
import type { Report, TrainResult } from './events.js'
import { Run, type TrainOptions } from './loop.js'
import { prepare } from './prepare.js'
import { defaultRunFolder, openRunFolder, refuseFolder } from './runFolder.js'
import { type RunLock, withRunLock } from './runLock.js'
import { openSideInit } from './sideInit/index.js'
import { Trainer } from './trainer.js'
import { soloGroup } from './workers/group.js'
import { checkBatch } from './workers/together.js'

/**
 * Trains in this process.
 *
 * @throws {UserError} bad data, weights or settings, or a run folder that another run holds, before the first step; a
 *   disk or a loss that turned bad after it
 */
export async function trainHere(config: TrainConfig, given: TrainOptions): Promise<TrainResult> {
  return await withRunLock((lock) => trainHolding(lock, config, given))
}

async function trainHolding(lock: RunLock, config: TrainConfig, given: TrainOptions): Promise<TrainResult> {
  keepHeapSmall()
  const { group = soloGroup } = given
  checkBatch(config, group)
  const isFirst = group.rank === 0
  const report: Report = (event) => {
    given.follow?.(event)
    if (isFirst) given.report(event)
  }
  const options = { ...given, report, group }
  const path = options.output ?? defaultRunFolder(config, new Date())
  const open = () => (isFirst ? openRunFolder(lock, path, options.resume) : null)
  const old = options.resume === undefined ? undefined : open()
  if (isFirst && !old) refuseFolder(path)
  const note = (text: string) => report({ kind: 'note', text })
  const runtime = options.runtime ?? chooseRuntime(note)
  const makers = options.isCached ? soloGroup : group
  const prepared = await firstAlone(makers, () =>
    prepare(config, { cache: options.cache, runtime, onNote: note }),
  )
  // A run that goes on has its weights in its checkpoint.
  const sideInit =
    options.resume === undefined
      ? await firstAlone(makers, () => openSideInit(config, prepared.spec, { ...options, runtime }))
      : undefined
  // Pictures are decoded while the session is made, unless workers have to talk about both.
  const failed = new AbortController()
  const signal = AbortSignal.any([options.signal, failed.signal])
  const opening = openData(config, prepared, { ...options, signal, group: makers })
  opening.catch(() => undefined) // thrown where it is awaited
  if (makers.size > 1) await opening
  const threads = config.threads === null ? {} : { threads: config.threads }
  const cores = availableParallelism()
  if ((config.threads ?? 0) > cores)
    note(`--threads ${config.threads} is more than the ${cores} cores here: steps wait for one another`)
  const trainer = await Trainer.create({
    runtime,
    ...{
      spec: prepared.spec,
      weights: sideInit ? overlay(prepared.backbone.weights, sideInit) : prepared.backbone.weights,
      maxGradNorm: config.maxGradNorm,
      seed: config.seed,
    },
    optimizer: {
      name: config.optimizer,
      options: { weightDecay: config.weightDecay, ...config.optimizerOptions },
    },
    ...{ ...threads, group },
  }).catch((error) => {
    failed.abort()
    throw error
  })
  try {
    const data = await opening
    const [folder] = await group.exchange(old ?? open())
    const run = new Run(config, options, { ...prepared, data }, folder!, trainer, runtime)
    try {
      return await run.go()
    } finally {
      run.close()
    }
  } finally {
    trainer.close()
  }
}
