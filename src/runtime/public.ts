/**
 * The runtime over onnxruntime-node's public interface: the way out where the C interface can't be reached. Its runs
 * block the event loop and its outputs are copied. Frozen weights are ONNX external data, which must lie in the
 * folder that the session is told: files of several folders are linked, or else copied, into one.
 */
import { copyFileSync, linkSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { type DType, type Graph, lower, type Placement } from '../graph/index.js'
import { disableTelemetry } from './library.js'
import {
  checkTensors,
  frozenWeights,
  hostTensors,
  RunQueue,
  type RunTensors,
  type Runtime,
  type Session,
  type SessionOptions,
  type Tensors,
} from './session.js'
import type { HostTensor, TensorData } from './tensors.js'
import { threadShare } from './threads.js'

export const publicRuntime: Runtime = {
  name: 'public interface',
  get host() {
    return publicRuntime
  },
  async createSession(graph, options = {}) {
    disableTelemetry()
    const { placements, folder, staged } = place(graph, options)
    const threads = options.threads ?? threadShare()
    const session = await ort.InferenceSession.create(lower(graph, { placements }), {
      enableMemPattern: false,
      graphOptimizationLevel: 'disabled',
      ...(threads ? { intraOpNumThreads: threads } : {}),
      ...(options.profilePrefix ? { enableProfiling: true, profileFilePrefix: options.profilePrefix } : {}),
      extra: {
        session: {
          disable_prepacking: '1',
          ...(folder ? { model_external_initializers_file_folder_path: folder } : {}),
        },
      },
    })
    return new PublicSession(graph, session, options.profilePrefix, staged)
  },
}

interface Placed {
  readonly placements: ReadonlyMap<string, Placement>
  /** Where the files lie; absent without frozen weights. */
  readonly folder?: string
  /** Made for this session, and removed with it. */
  readonly staged?: string
}

function place(graph: Graph, options: SessionOptions): Placed {
  const weights = frozenWeights(graph, options)
  const paths = [...new Set(weights.map(([, { path }]) => realpathSync(path)))]
  const folders = new Set(paths.map((path) => dirname(path)))
  const staged = folders.size > 1 ? stage(paths) : undefined
  const nameOf = (path: string) => (staged ? `${paths.indexOf(path)}-${basename(path)}` : basename(path))
  const placements = new Map(
    weights.map(([name, { path, begin, bytes }]) => [
      name,
      { file: nameOf(realpathSync(path)), offset: begin, bytes },
    ]),
  )
  const [folder = staged] = staged ? [staged] : [...folders]
  return { placements, ...(folder ? { folder } : {}), ...(staged ? { staged } : {}) }
}

/** One folder with all the files in it; copies where the file system can't link. */
function stage(paths: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'vl-lst-weights-'))
  for (const [i, path] of paths.entries()) {
    const staged = join(folder, `${i}-${basename(path)}`)
    try {
      linkSync(path, staged)
    } catch {
      copyFileSync(path, staged)
    }
  }
  return folder
}

class PublicSession implements Session {
  readonly graph: Graph
  readonly #session: ort.InferenceSession
  readonly #profilePrefix: string | undefined
  readonly #runs: RunQueue

  constructor(
    graph: Graph,
    session: ort.InferenceSession,
    profilePrefix: string | undefined,
    staged: string | undefined,
  ) {
    this.#runs = new RunQueue(() => {
      void session.release()
      if (staged) rmSync(staged, { recursive: true, force: true })
    })
    this.graph = graph
    this.#session = session
    this.#profilePrefix = profilePrefix
  }

  run(feeds: RunTensors, fetches: RunTensors = {}): Promise<Tensors> {
    return this.#runs.add(async () => {
      const outputs = hostTensors(checkTensors(this.graph, feeds, fetches))
      const onHost = hostTensors(feeds)
      const given = [...this.graph.inputs.keys()].map((name) => [name, toOrt(onHost[name]!)])
      const results = await this.#session.run(Object.fromEntries(given), [...this.graph.outputs.keys()])
      for (const [name, tensor] of Object.entries(outputs)) {
        ;(tensor.data as Uint8Array).set(results[name]!.data as Uint8Array)
      }
      return outputs
    })
  }

  endProfiling(): string {
    this.#runs.checkOpen()
    if (this.#profilePrefix === undefined) throw new Error('this session was made without profilePrefix')
    this.#session.endProfiling()
    return newestProfile(this.#profilePrefix)
  }

  close(): void {
    this.#runs.close()
  }
}

/** ONNX Runtime appends the time to the prefix; this interface doesn't tell the name. */
function newestProfile(prefix: string): string {
  const [folder, start] = [dirname(prefix), basename(prefix)]
  const names = readdirSync(folder).filter((name) => name.startsWith(`${start}_`) && name.endsWith('.json'))
  return join(folder, names.sort().at(-1) ?? '')
}

function toOrt({ dtype, data, shape }: HostTensor): ort.Tensor {
  return new ort.Tensor(dtype satisfies DType, data as TensorData as never, shape)
}
