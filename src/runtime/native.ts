/**
 * The runtime over ONNX Runtime's C interface: asynchronous runs, outputs written in place, frozen weights used where
 * the mapped file lies. One copy of them serves all sessions, threads and processes of the machine.
 *
 * On another device than the processor, frozen weights are copied there once a session, when they are bound. Host tensors
 * that a run is fed with cross before it, and those that it writes after it; those in the device's memory stay there.
 */
import { type Graph, lower, splitWords } from '../graph/index.js'
import { type Api, capi, made, type Pointer, readText } from './capi.js'
import { openDeviceMemory } from './deviceMemory.js'
import { cpu, type Device, deviceName } from './devices.js'
import { appendProvider, providers } from './providers.js'
import {
  checkTensors,
  type FrozenWeight,
  frozenWeights,
  hostTensors,
  RunQueue,
  type RunTensors,
  type Runtime,
  type Session,
  type SessionOptions,
  type Tensors,
} from './session.js'
import { SplitSession } from './split.js'
import type { RunTensor } from './tensors.js'
import { threadShare } from './threads.js'
import { handleOf, mappedValue } from './values.js'

/** The graph is already what is to run, in the order in which it is to run. */
const noOptimization = 0

export const nativeRuntime: Runtime = {
  name: 'C interface',
  get host() {
    return nativeRuntime
  },
  createSession: (graph, options = {}) => openSession(graph, options, cpu),
}

/** The runtime whose sessions compute on a device; small graphs over host memory still do on the processor. */
export function nativeRuntimeOn(device: Device): Runtime {
  if (device.kind === 'cpu') return nativeRuntime
  const turns = new Turns()
  return {
    name: `${nativeRuntime.name} on ${deviceName(device)}`,
    host: nativeRuntime,
    createSession: (graph, options = {}) => openSplit(graph, options, device, turns),
    openMemory: () => openDeviceMemory(device, (graph) => openSession(graph, {}, device, turns)),
  }
}

/** A session of a device, and one on the processor for what the device can't compute. */
async function openSplit(
  graph: Graph,
  options: SessionOptions,
  device: Device,
  turns: Turns,
): Promise<Session> {
  const parts = splitWords(graph)
  if (!parts) return await openSession(graph, options, device, turns)
  const { threads } = options
  const words = await openSession(parts.words, threads ? { threads } : {}, cpu)
  try {
    return new SplitSession(graph, { words, rest: await openSession(parts.rest, options, device, turns) })
  } catch (error) {
    words.close()
    throw error
  }
}

async function openSession(
  graph: Graph,
  options: SessionOptions,
  device: Device,
  turns?: Turns,
): Promise<NativeSession> {
  const weights = frozenWeights(graph, options)
  const api = capi()
  const settings = made(api.CreateSessionOptions)
  const create = async () => {
    configure(api, settings, options)
    appendProvider(api, settings, device)
    const model = lower(graph, { target: providers[device.kind].target })
    const session = await api.createSessionAsync(api.env, model, settings)
    return new NativeSession(graph, session, weights, options.profilePrefix !== undefined, turns)
  }
  try {
    return await (turns ? turns.take(create) : create())
  } finally {
    api.ReleaseSessionOptions(settings)
  }
}

/** Sessions of one device use it one after the other: the providers don't promise that they may meet there. */
class Turns {
  #last: Promise<unknown> = Promise.resolve()

  take<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => undefined)
    return result
  }
}

export class NativeSession implements Session {
  readonly graph: Graph
  readonly #api: Api = capi()
  readonly #session: Pointer
  readonly #binding: Pointer
  /** Frozen weights are inputs, bound once to the mapped file: nothing copies, folds or packs them. */
  readonly #weights: Pointer[]
  readonly #bound = new Map<string, RunTensor>()
  readonly #profiled: boolean
  /** Absent on the processor, whose memory a session reads and writes where it is. */
  readonly #turns: Turns | undefined
  readonly #runs = new RunQueue(() => this.#release())

  constructor(
    graph: Graph,
    session: Pointer,
    weights: readonly [string, FrozenWeight][],
    profiled: boolean,
    turns: Turns | undefined,
  ) {
    this.graph = graph
    this.#session = session
    this.#profiled = profiled
    this.#turns = turns
    const api = this.#api
    this.#binding = made(api.CreateIoBinding, this.#session)
    this.#weights = weights.map(([name, weight]) => {
      const value = mappedValue(api, weight, graph.frozen.get(name)!.shape as readonly number[])
      api.BindInput(this.#binding, name, value)
      return value
    })
  }

  run(feeds: RunTensors, fetches: RunTensors = {}): Promise<Tensors> {
    return this.#runs.add(async () => {
      const outputs = checkTensors(this.graph, feeds, fetches)
      const run = async () => {
        for (const name of this.graph.inputs.keys()) this.#bind('BindInput', name, feeds[name]!)
        for (const name of this.graph.outputs.keys()) this.#bind('BindOutput', name, outputs[name]!)
        await this.#api.runAsync(this.#session, this.#api.runOptions, this.#binding)
        return hostTensors(outputs)
      }
      return await (this.#turns ? this.#turns.take(run) : run())
    })
  }

  /** Binds a tensor to a name, unless it is bound there already; to bind a host tensor as a device's input copies it there. */
  #bind(function_: 'BindInput' | 'BindOutput', name: string, tensor: RunTensor): void {
    const key = `${function_} ${name}`
    const handle = handleOf(this.#api, tensor)
    const copied = this.#turns !== undefined && function_ === 'BindInput'
    if (this.#bound.get(key) === tensor && !copied) return
    this.#api[function_](this.#binding, name, handle)
    this.#bound.set(key, tensor)
  }

  /** What hands out memory of the session's device; to be released before the session is closed. */
  allocatorOf(memoryInfo: Pointer): Pointer {
    return made(this.#api.CreateAllocator, this.#session, memoryInfo)
  }

  endProfiling(): string {
    this.#runs.checkOpen()
    if (!this.#profiled) throw new Error('this session was made without profilePrefix')
    const text = made(this.#api.SessionEndProfiling, this.#session, this.#api.allocator)
    return readText(text)
  }

  close(): void {
    this.#runs.close()
  }

  #release(): void {
    this.#bound.clear()
    this.#api.ReleaseIoBinding(this.#binding)
    this.#api.ReleaseSession(this.#session)
    for (const weight of this.#weights) this.#api.ReleaseValue(weight)
  }
}

function configure(api: Api, settings: Pointer, options: SessionOptions): void {
  // Packed copies of the weights would be private memory; without them steps are 2–6 % slower.
  api.AddSessionConfigEntry(settings, 'session.disable_prepacking', '1')
  api.AddSessionConfigEntry(settings, 'session.use_env_allocators', '1')
  // With a pattern the arena keeps the first run's blocks and adds one of the planned size.
  api.DisableMemPattern(settings)
  api.SetSessionGraphOptimizationLevel(settings, noOptimization)
  const threads = options.threads ?? threadShare()
  if (threads) api.SetIntraOpNumThreads(settings, threads)
  if (options.profilePrefix) api.EnableProfiling(settings, pathText(options.profilePrefix))
}

/** Paths are UTF-16 on Windows (not tried) and UTF-8 elsewhere. */
function pathText(path: string): Buffer {
  return Buffer.from(`${path}\0`, process.platform === 'win32' ? 'utf16le' : 'utf8')
}
