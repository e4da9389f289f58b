/**
 * The runtime over onnxruntime-node's public interface: the way out where the C interface can't be reached. Its runs
 * block the event loop and its outputs are copied. Frozen weights are ONNX external data, which must lie in the
 * folder that the session is told: weights of several folders are refused.
 */
import { readdirSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { UserError } from '../base/index.js'
import { type DType, type Graph, lower, type Placement } from '../graph/index.js'
import {
  checkTensors,
  frozenWeights,
  RunQueue,
  type Runtime,
  type Session,
  type SessionOptions,
  type Tensors,
} from './session.js'
import type { HostTensor, TensorData } from './tensors.js'

export const publicRuntime: Runtime = {
  name: 'public interface',
  async createSession(graph, options = {}) {
    const { placements, folder } = place(graph, options)
    const session = await ort.InferenceSession.create(lower(graph, { placements }), {
      enableMemPattern: false,
      ...(options.threads ? { intraOpNumThreads: options.threads } : {}),
      ...(options.profilePrefix ? { enableProfiling: true, profileFilePrefix: options.profilePrefix } : {}),
      extra: {
        session: {
          disable_prepacking: '1',
          ...(folder ? { model_external_initializers_file_folder_path: folder } : {}),
        },
      },
    })
    return new PublicSession(graph, session, options.profilePrefix)
  },
}

function place(graph: Graph, options: SessionOptions) {
  const placements = new Map<string, Placement>()
  let folder: string | undefined
  for (const [name, { path, begin, bytes }] of frozenWeights(graph, options)) {
    const real = realpathSync(path)
    folder ??= dirname(real)
    if (dirname(real) !== folder) {
      throw new UserError(
        `${real}: weights of two folders can't be used without the C interface: copy them into ${folder}`,
      )
    }
    placements.set(name, { file: basename(real), offset: begin, bytes })
  }
  return { placements, folder }
}

class PublicSession implements Session {
  readonly graph: Graph
  readonly #session: ort.InferenceSession
  readonly #profilePrefix: string | undefined
  readonly #runs = new RunQueue(() => void this.#session.release())

  constructor(graph: Graph, session: ort.InferenceSession, profilePrefix: string | undefined) {
    this.graph = graph
    this.#session = session
    this.#profilePrefix = profilePrefix
  }

  run(feeds: Tensors, fetches: Tensors = {}): Promise<Tensors> {
    return this.#runs.add(async () => {
      const outputs = checkTensors(this.graph, feeds, fetches)
      const given = [...this.graph.inputs.keys()].map((name) => [name, toOrt(feeds[name]!)])
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
