/** What a runtime offers, whichever interface of ONNX Runtime lies behind it. */
import { statSync } from 'node:fs'
import { bindDims, evaluateDim, type Graph, type Tensor } from '../graph/index.js'
import { HostTensor, type RunTensor, zeros } from './tensors.js'

/** Frozen weights: where each lies in a file on disk. */
export interface FrozenWeight {
  readonly path: string
  readonly begin: number
  readonly bytes: number
}

/** A tensor of a file, as any format may describe it. */
interface StoredTensor {
  readonly path: string
  readonly dtype: string
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

/**
 * Where a graph's frozen parameters lie in a checkpoint.
 *
 * @throws {Error} one that the checkpoint lacks or has in another shape or dtype
 */
export function weightsIn(
  { frozen }: Graph,
  tensors: ReadonlyMap<string, StoredTensor>,
): ReadonlyMap<string, FrozenWeight> {
  return new Map(
    [...frozen].map(([name, { shape }]) => {
      const tensor = tensors.get(name)
      if (tensor?.dtype !== 'F32' || String(tensor.shape) !== String(shape))
        throw new Error(`frozen parameter "${name}" needs float32 weights of (${shape.join(', ')})`)
      return [name, { path: tensor.path, begin: tensor.begin, bytes: tensor.end - tensor.begin }]
    }),
  )
}

export interface SessionOptions {
  /** Where the graph's frozen parameters lie, by name; all float32. */
  readonly weights?: ReadonlyMap<string, FrozenWeight>
  /** Threads of one operator (all cores by default). */
  readonly threads?: number
  /** Prefix of the profile that `endProfiling` writes. */
  readonly profilePrefix?: string
}

/** What a run reads and writes, wherever it lies. */
export type RunTensors = Readonly<Record<string, RunTensor>>
export type Tensors = Readonly<Record<string, HostTensor>>

/**
 * A graph made ready to run, for every size of its named dimensions. Close it when done; running it afterwards is an
 * error.
 */
export interface Session {
  readonly graph: Graph
  /**
   * Runs the graph; runs of one session follow one another. The event loop stays free where the C interface is used.
   *
   * @param feeds one tensor an input of the graph, trained parameters included
   * @param fetches outputs to write in place; the others are made new
   * @returns all outputs by name, but those that were given on a device
   * @throws {Error} a missing, released or badly shaped tensor, a closed session
   */
  run(feeds: RunTensors, fetches?: RunTensors): Promise<Tensors>
  /**
   * Ends profiling and returns the path of the profile (a JSON trace).
   *
   * @throws {Error} a session without `profilePrefix`, or a closed one
   */
  endProfiling(): string
  /** Idempotent. A run under way still ends well; those behind it are refused. */
  close(): void
}

/** An interface of ONNX Runtime. */
export interface Runtime {
  readonly name: string
  /** For small graphs over memory that others read: the same interface on the processor. */
  readonly host: Runtime
  createSession(graph: Graph, options?: SessionOptions): Promise<Session>
  /** Memory in which values stay between runs; absent where sessions read and write the host's where it is. */
  openMemory?(): Promise<DeviceMemory>
}

/** Float32 memory of a device, which all sessions of its runtime read and write. Close it when done. */
export interface DeviceMemory {
  /** Room for as many values; what is in it at first is undefined. */
  room(length: number): DeviceRoom
  /** Idempotent; the rooms are to be released before. */
  close(): void
}

export interface DeviceRoom {
  /** The first values, in any shape; released with the room. */
  tensor(shape: readonly number[]): RunTensor
  /** Host to device. @param values as many as there is room for */
  write(values: Float32Array): Promise<void>
  /** Device to host. */
  read(values: Float32Array): Promise<void>
  /** From another room of the same memory and length. */
  copy(from: DeviceRoom): Promise<void>
  /** Idempotent. */
  release(): void
}

/** The runs of one session, one after the other, and its end: released once no run is under way. */
export class RunQueue {
  readonly #release: () => void
  #last: Promise<unknown> = Promise.resolve()
  #running = false
  #closed = false

  constructor(release: () => void) {
    this.#release = release
  }

  add<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(() => this.#runNow(run))
    this.#last = result.catch(() => undefined)
    return result
  }

  async #runNow<T>(run: () => Promise<T>): Promise<T> {
    this.checkOpen()
    this.#running = true
    try {
      return await run()
    } finally {
      this.#running = false
      if (this.#closed) this.#release()
    }
  }

  /** @throws {Error} after `close` */
  checkOpen(): void {
    if (this.#closed) throw new Error('this session was closed')
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (!this.#running) this.#release()
  }
}

/**
 * Holds the tensors of a run against the graph's inputs and outputs.
 *
 * @returns all outputs: those given, and new ones for the rest
 */
export function checkTensors(
  graph: Graph,
  feeds: RunTensors,
  fetches: RunTensors,
): Record<string, RunTensor> {
  const sizes = new Map<string, number>()
  for (const [name, { shape, dtype }] of inNamedOrder(graph.inputs)) {
    const tensor = feeds[name]
    if (tensor === undefined) throw new Error(`input "${name}" is missing`)
    if (tensor.released) throw new Error(`input "${name}" was released`)
    if (tensor.dtype !== dtype) throw new Error(`input "${name}": ${tensor.dtype} where ${dtype} is expected`)
    try {
      bindDims(shape, tensor.shape, sizes)
    } catch (error) {
      throw new Error(`input "${name}": ${error instanceof Error ? error.message : error}`)
    }
  }
  for (const name of Object.keys(fetches)) {
    if (!graph.outputs.has(name)) throw new Error(`the graph has no output "${name}"`)
  }
  const outputs: Record<string, RunTensor> = {}
  for (const [name, { shape, dtype }] of graph.outputs) {
    const actual = shape.map((dim) => evaluateDim(dim, sizes))
    const given = fetches[name]
    if (given?.released) throw new Error(`output "${name}" was released`)
    if (given && (given.dtype !== dtype || String(given.shape) !== String(actual))) {
      throw new Error(
        `output "${name}": ${given.dtype} (${given.shape}) where ${dtype} (${actual}) is expected`,
      )
    }
    outputs[name] = given ?? zeros(dtype, actual)
  }
  return outputs
}

/** Those whose values can be seen here. */
export function hostTensors(tensors: RunTensors): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).filter((entry): entry is [string, HostTensor] => entry[1] instanceof HostTensor),
  )
}

/** Inputs with sums and products of sizes, such as `text + boxes`, after those that tell the sizes. */
function inNamedOrder(inputs: Graph['inputs']): (readonly [string, Tensor])[] {
  const isDerived = ({ shape }: Tensor) => shape.some((dim) => typeof dim === 'string' && !/^\w+$/.test(dim))
  return [...inputs].sort(([, a], [, b]) => Number(isDerived(a)) - Number(isDerived(b)))
}

/**
 * The place of each frozen parameter.
 *
 * @throws {Error} one that has none, is not float32, or lies partly outside its file
 */
export function frozenWeights(graph: Graph, options: SessionOptions): [string, FrozenWeight][] {
  return [...graph.frozen].map(([name, { dtype, shape }]) => {
    const weight = options.weights?.get(name)
    if (!weight) throw new Error(`frozen parameter "${name}" has no weights`)
    const bytes = shape.reduce<number>((product, size) => product * Number(size), 4)
    if (dtype !== 'float32' || weight.bytes !== bytes)
      throw new Error(`frozen parameter "${name}": ${weight.bytes} bytes for ${dtype} (${shape.join(', ')})`)
    if (weight.begin < 0 || weight.begin + bytes > statSync(weight.path).size)
      throw new Error(`frozen parameter "${name}": ${weight.path} ends before its weights do`)
    return [name, weight]
  })
}
