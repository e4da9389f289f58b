/**
 * A training run by several worker processes. Their parent checks everything first, makes what they share, shows what
 * rank 0 reports, and starts them again from the last good checkpoint when one dies.
 */
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { UserError } from '../../base/index.js'
import { chooseRuntime, type Device, limitThreads, type Runtime } from '../../runtime/index.js'
import { loadLastCheckpoint } from '../checkpoint.js'
import type { TrainConfig } from '../config.js'
import { openData } from '../data.js'
import type { TrainEvent, TrainResult } from '../events.js'
import type { TrainOptions } from '../loop.js'
import { prepare } from '../prepare.js'
import { defaultRunFolder, emptyRunFolder, findRun, type RunFolder, refuseFolder } from '../runFolder.js'
import { openSideInit } from '../sideInit/index.js'
import { trainHere } from '../trainHere.js'
import { Crew } from './crew.js'
import { devicesOf } from './devices.js'
import type { WorkerGroup } from './group.js'
import type { FromWorker, Orders, ToWorker } from './messages.js'
import { createSharedFile } from './sharedFile.js'
import { neighboursIn, threadShareOf } from './together.js'
import { errorTold } from './toldError.js'
import { follow, LostWorker, Watch, watchingSteps } from './watch.js'

/**
 * Trains in this process where it is one of a group or there is one device, else in a process for each device.
 *
 * @throws {UserError} as {@link trainHere}
 * @throws {LostWorker} more often than the configuration allows
 */
export async function train(config: TrainConfig, options: TrainOptions): Promise<TrainResult> {
  if (options.group && options.group.size > 1) return await trainAmong(options.group, config, options)
  const devices = devicesOf(config)
  return devices.length === 1
    ? await trainOn(devices[0]!, config, options)
    : await superviseWorkers(config, devices, options)
}

/** Workers that a launcher started: those of one machine share its cores, and take its devices in turn. */
async function trainAmong(
  group: WorkerGroup,
  config: TrainConfig,
  options: TrainOptions,
): Promise<TrainResult> {
  const neighbours = await neighboursIn(group)
  limitThreads(threadShareOf(neighbours))
  const devices = devicesOf({ ...config, gpus: null, workers: neighbours.count })
  return await watchingSteps((follow) => trainOn(devices[neighbours.index]!, config, { ...options, follow }))
}

async function trainOn(device: Device, config: TrainConfig, options: TrainOptions): Promise<TrainResult> {
  return await trainHere(config, { ...options, runtime: runtimeOn(device, options) })
}

function runtimeOn(device: Device, { runtime, report }: TrainOptions): Runtime {
  return runtime ?? chooseRuntime((text) => report({ kind: 'note', text }), device)
}

/** The module of a worker process. */
const entry = fileURLToPath(new URL('worker.js', import.meta.url))

/** A new run's folder by its path, or a run to go on with. */
type Place = { readonly output: string } | { readonly resume: string }

async function superviseWorkers(
  config: TrainConfig,
  devices: readonly Device[],
  options: TrainOptions,
): Promise<TrainResult> {
  const once = noteOnce(options)
  let place: Place =
    options.resume === undefined
      ? { output: options.output ?? defaultRunFolder(config, new Date()) }
      : { resume: findRun(options.resume).path }
  await check(config, devices, place, once)
  for (let left = config.maxRestarts; ; left--) {
    try {
      return await runWorkers(config, devices, place, once)
    } catch (error) {
      if (error instanceof UserError && !(error instanceof LostWorker)) throw error
      if (options.signal.aborted && error === options.signal.reason) throw error
      const saved = savedState(place, once)
      if (left === 0 || options.signal.aborted) throw error instanceof LostWorker ? lost(error, saved) : error
      const from = saved ? `after step ${saved.step}` : 'from the beginning'
      const restart = `restart ${config.maxRestarts - left + 1} of ${config.maxRestarts}`
      once.report({ kind: 'note', text: `${(error as Error).message}: going on ${from} (${restart})` })
      if (saved) place = { resume: saved.run.path }
      else if ('output' in place) emptyRunFolder(place.output)
    }
  }
}

/** Notes that the workers' parent and rank 0 both have are said once. */
function noteOnce(options: TrainOptions): TrainOptions {
  const said = new Set<string>()
  const report = (event: TrainEvent) => {
    if (event.kind === 'note') {
      if (said.has(event.text)) return
      said.add(event.text)
    }
    options.report(event)
  }
  return { ...options, report }
}

/**
 * Everything that can be found wrong before a worker is started; what is made once for all later runs is in the cache
 * then.
 */
async function check(
  config: TrainConfig,
  devices: readonly Device[],
  place: Place,
  options: TrainOptions,
): Promise<void> {
  if ('output' in place) refuseFolder(place.output)
  const onNote = (text: string) => options.report({ kind: 'note', text })
  const runtime = runtimeOn(devices[0]!, options)
  const prepared = prepare(config, { cache: options.cache, runtime, onNote })
  if ('output' in place) await openSideInit(config, prepared.spec, { ...options, runtime })
  await openData(config, prepared, options)
  const [cores, threads] = [availableParallelism(), config.threads ?? 0]
  if (threads <= cores && threads * devices.length > cores)
    onNote(
      `--threads ${threads} is for each worker, and there are ${cores} cores: steps wait for one another`,
    )
}

/** The last good checkpoint of a run; none before the first. */
function savedState(
  place: Place,
  { report }: TrainOptions,
): { readonly run: RunFolder; readonly step: number } | undefined {
  try {
    const run = findRun('output' in place ? place.output : place.resume)
    const { state } = loadLastCheckpoint(run.checkpoints, (text) => report({ kind: 'note', text }))
    return { run, step: state.step }
  } catch (error) {
    if (error instanceof UserError) return undefined
    throw error
  }
}

function lost({ message }: LostWorker, saved: ReturnType<typeof savedState>): LostWorker {
  const how = saved
    ? `go on after step ${saved.step} with --resume ${saved.run.path}`
    : 'nothing was saved yet: start the run again with another --output'
  return new LostWorker(`${message}: ${how}`)
}

/** One attempt: all workers from their start to their end. */
async function runWorkers(
  config: TrainConfig,
  devices: readonly Device[],
  place: Place,
  { signal, report, cache, command }: TrainOptions,
): Promise<TrainResult> {
  signal.throwIfAborted()
  const shared = createSharedFile(devices.length)
  if (shared.note !== undefined) report({ kind: 'note', text: shared.note })
  const size = devices.length
  const watch = new Watch(size)
  const threads = Math.max(1, Math.floor(availableParallelism() / size))
  const orders = devices.map(
    (device, rank): Orders => ({
      ...{ kind: 'train', rank, size, device, threads, config, shared: shared.fds.length },
      options: { ...place, cache, command },
    }),
  )
  let crew: Crew | undefined
  const stop = () => crew?.tell({ kind: 'stop' } satisfies ToWorker)
  try {
    return await new Promise<TrainResult>((done, failed) => {
      crew = new Crew({
        ...{ entry, orders, watch, inherit: shared.fds },
        onMessage: (rank, message) => {
          const told = message as FromWorker
          if (told.kind === 'event') {
            follow(watch, told.event)
            report(told.event)
          } else if (told.kind === 'failed') failed(errorTold(told.error))
          else if (told.kind === 'stopped') failed(signal.reason)
          else if (rank === 0) done(told.result)
        },
        onLost: (rank, how) => {
          // The terminal's signal came before the worker could ignore it.
          if (signal.aborted && /SIGINT|SIGTERM/.test(how)) failed(signal.reason)
          else failed(new LostWorker(`${rank === undefined ? 'a worker' : `worker ${rank}`} ${how}`))
        },
      })
      signal.addEventListener('abort', stop)
    })
  } finally {
    shared.close()
    signal.removeEventListener('abort', stop)
    await crew?.end()
  }
}
