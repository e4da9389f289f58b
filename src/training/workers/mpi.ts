/** Workers on one or several machines, which mpirun or srun has started: they meet through MPI. */
import { UserError } from '../../base/index.js'
import type { WorkerGroup } from './group.js'
import type { MpiLaunch } from './mpiLaunch.js'
import { libraryVariable, type MpiLibrary, mpiLibrary } from './mpiLibrary.js'

/** Elements that are summed at once, by all workers together: 16 MB beside the arrays, and counts that fit MPI's int. */
const chunkElements = 4 << 20

/** Bytes of messages that are exchanged at once, of all workers together. */
const roundBytes = 4 << 20

const bytesOfFloat = Float32Array.BYTES_PER_ELEMENT

/** MPI_THREAD_SERIALIZED: any thread may call, one at a time. */
const serialized = 2

export interface MpiGroup extends WorkerGroup {
  /** Ends all workers, this one too. The launcher ends with the same exit code. */
  abort(exitCode: number): never
}

/**
 * Joins the others. To be called once a process. A process that ends before `close` takes the others with it.
 *
 * @param environment may name the library
 * @throws {UserError} no library, one of another MPI than the launcher's, or one that can't be called from threads
 */
export function joinMpi(
  { size: started, prefer }: MpiLaunch,
  environment: Readonly<Record<string, string | undefined>>,
): MpiGroup {
  quietMemory()
  const library = mpiLibrary(prefer, environment[libraryVariable])
  const { world, errorsReturn } = library.handles
  const number = (name: 'MPI_Comm_rank' | 'MPI_Comm_size') => {
    const out = [0]
    library.call(name, world, out)
    return out[0]!
  }
  const provided = [0]
  library.call('MPI_Init_thread', null, null, serialized, provided)
  library.call('MPI_Comm_set_errhandler', world, errorsReturn)
  const [rank, size] = [number('MPI_Comm_rank'), number('MPI_Comm_size')]
  const whole = started === undefined || size === started
  if (!whole || provided[0]! < serialized) {
    library.call('MPI_Finalize')
    throw new UserError(
      whole
        ? `${library.file} lets one thread alone call it: take an MPI built with MPI_THREAD_SERIALIZED`
        : `${started} processes were started, and ${library.file} (${library.kind}) sees ${size}: name the library ` +
            `of the mpirun or srun that started them by ${libraryVariable} (srun: add --mpi=pmix for Open MPI, --mpi=pmi2 for MPICH)`,
    )
  }
  return new Group(library, rank, size)
}

/**
 * UCX, which carries messages for either MPI, patches the functions by which a process gets memory. Beside V8's threads
 * that crashes now and then (UCX 1.13 under MPICH 4.0, seen here; https://github.com/openucx/ucx/issues/3831).
 */
function quietMemory(): void {
  process.env.UCX_MEM_EVENTS ??= 'no'
}

class Group implements MpiGroup {
  readonly #library: MpiLibrary
  #last: Promise<unknown> = Promise.resolve()
  #open = true

  constructor(
    library: MpiLibrary,
    readonly rank: number,
    readonly size: number,
  ) {
    this.#library = library
    process.on('exit', this.#onExit)
  }

  async memory(lengths: readonly number[]): Promise<readonly Float32Array[]> {
    return lengths.map((length) => new Float32Array(length))
  }

  async sum(arrays: readonly Float32Array[]): Promise<void> {
    await this.#inTurn(async () => {
      for (const array of arrays) {
        for (let start = 0; start < array.length; start += chunkElements)
          await this.#sumChunk(array.subarray(start, start + chunkElements))
      }
    })
  }

  async exchange<T>(message: T): Promise<readonly T[]> {
    const own = Buffer.from(JSON.stringify(message))
    const all = await this.#inTurn(() => this.#gather(own))
    return all.map((bytes) => JSON.parse(bytes.toString()) as T)
  }

  close(): void {
    if (!this.#open) return
    this.#end()
    this.#library.call('MPI_Finalize')
  }

  abort(exitCode: number): never {
    this.#end()
    this.#library.call('MPI_Abort', this.#library.handles.world, exitCode)
    process.exit(exitCode) // MPI_Abort doesn't come back
  }

  #end(): void {
    this.#open = false
    process.off('exit', this.#onExit)
  }

  readonly #onExit = (exitCode: number) => this.abort(exitCode)

  /** One call at a time, in the order in which they were asked for. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => undefined)
    return done
  }

  /** Every worker adds up its share of the elements, as all of them have it, and hands the sums out. */
  async #sumChunk(chunk: Float32Array): Promise<void> {
    const { callLater, handles } = this.#library
    const { byte, world } = handles
    const { size, rank } = this
    const shares = layout(sharesOf(chunk.length, size))
    const share = shares.lengths[rank]!
    const received = layout(Array.from({ length: size }, () => share))
    const parts = new Float32Array(share * size)
    await callLater(
      'MPI_Alltoallv',
      ...[chunk, shares.counts, shares.offsets, byte],
      ...[parts, received.counts, received.offsets, byte, world],
    )
    const sum = parts.subarray(0, share)
    for (let other = 1; other < size; other++) addTo(sum, parts.subarray(other * share, (other + 1) * share))
    await callLater(
      'MPI_Allgatherv',
      ...[sum, share * bytesOfFloat, byte, chunk, shares.counts, shares.offsets, byte, world],
    )
  }

  /** Every worker's bytes, by rank. */
  async #gather(own: Buffer): Promise<readonly Buffer[]> {
    const { callLater, handles } = this.#library
    const { byte, world } = handles
    const lengths = new Float64Array(this.size)
    const ownLength = Float64Array.of(own.length)
    const bytes = ownLength.byteLength
    await callLater('MPI_Allgather', ownLength, bytes, byte, lengths, bytes, byte, world)
    const all = [...lengths].map((length) => Buffer.alloc(length))
    const most = Math.floor(roundBytes / this.size)
    for (let start = 0; start < Math.max(...lengths); start += most) {
      const pieces = all.map((buffer) => buffer.subarray(start, start + most))
      const counts = Int32Array.from(pieces, ({ length }) => length)
      const offsets = offsetsOf(counts)
      const room = Buffer.alloc(counts.reduce((sum, count) => sum + count, 0))
      const sent = own.subarray(start, start + most)
      await callLater('MPI_Allgatherv', sent, sent.length, byte, room, counts, offsets, byte, world)
      for (const [from, piece] of pieces.entries())
        piece.set(room.subarray(offsets[from], offsets[from]! + piece.length))
    }
    return all
  }
}

/** Elements of each worker's share of a chunk. */
function sharesOf(elements: number, size: number): number[] {
  const start = (rank: number) => Math.floor((elements * rank) / size)
  return Array.from({ length: size }, (_, rank) => start(rank + 1) - start(rank))
}

/** Where arrays of floats lie that follow one another, in bytes. */
function layout(lengths: readonly number[]) {
  const counts = Int32Array.from(lengths, (length) => length * bytesOfFloat)
  return { lengths, counts, offsets: offsetsOf(counts) }
}

function offsetsOf(counts: Int32Array): Int32Array {
  const offsets = new Int32Array(counts.length)
  for (let i = 1; i < counts.length; i++) offsets[i] = offsets[i - 1]! + counts[i - 1]!
  return offsets
}

/** In float32. A hot loop: `npm run bench -- mpi`. */
function addTo(sum: Float32Array, values: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + values[i]!
}
