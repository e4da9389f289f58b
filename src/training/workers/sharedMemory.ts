/** Workers of one machine, which map one file: gradients meet where ONNX Runtime writes them. */
import { ftruncateSync } from 'node:fs'
import { humanBytes, UserError } from '../../base/index.js'
import { HostTensor, mapShared, memoryFolder, type Runtime } from '../../runtime/index.js'
import { sumGraph } from '../optimizers/accumulate.js'
import { createLanes, type Lanes } from '../optimizers/lanes.js'
import type { WorkerGroup } from './group.js'
import { controlBytes, SharedControl } from './sharedControl.js'
import { reserve } from './sharedFile.js'

export interface SharedGroupOptions {
  /** The descriptors of `createSharedFile`, as this process inherited them, in its order. */
  readonly fds: readonly number[]
  readonly rank: number
  readonly size: number
  readonly runtime: Runtime
  /** Threads that add gradients (all cores by default). */
  readonly threads?: number
  /** Told in one line when a slower way is taken; by every worker. */
  readonly onNote: (text: string) => void
}

export function joinSharedGroup(options: SharedGroupOptions): WorkerGroup {
  return new SharedGroup(options)
}

/** Regions and what is reduced at once begin at multiples: of any platform's page, and of a line of the processor's cache. */
const pageBytes = 2 ** 16
const lineBytes = 64
/**
 * Elements that are added at once. Two workers with 64 MB each, of which each adds half: 14 ms of processor time a worker,
 * with 2¹⁶ 24 ms; a loop in JavaScript takes 15 ms and holds up the event loop. A copy of 64 MB takes 10 ms.
 */
const chunk = 2 ** 20

/** A stretch of an array in every worker's memory, by rank. */
type Stretch = readonly HostTensor[]

class SharedGroup implements WorkerGroup {
  readonly rank: number
  readonly size: number
  readonly #options: SharedGroupOptions
  readonly #control: SharedControl
  /** Where each file's next region begins. */
  readonly #ends: number[]
  /** Of an array of this worker, what it adds up. */
  readonly #shares = new Map<Float32Array, readonly Stretch[]>()
  #lanes: Lanes | undefined

  constructor(options: SharedGroupOptions) {
    this.#options = options
    this.rank = options.rank
    this.size = options.size
    this.#control = new SharedControl(options.fds[0]!, this.rank, this.size)
    this.#ends = options.fds.map((_, i) => (i === 0 ? roundUp(controlBytes(this.size), pageBytes) : 0))
  }

  async memory(lengths: readonly number[]): Promise<readonly Float32Array[]> {
    const begins = [0]
    for (const length of lengths) begins.push(roundUp(begins.at(-1)! + 4 * length, lineBytes))
    const regionBytes = roundUp(begins.pop()!, pageBytes)
    if (regionBytes === 0) return lengths.map(() => new Float32Array(0))
    const view = await this.#map(regionBytes)
    const arrays = Array.from({ length: this.size }, (_, rank) =>
      lengths.map((length, i) => new Float32Array(view(rank * regionBytes + begins[i]!, 4 * length))),
    )
    const own = arrays[this.rank]!
    for (const [i, array] of own.entries()) this.#shares.set(array, this.#shareOf(arrays.map((of) => of[i]!)))
    return own
  }

  /** Maps a region a worker, one behind the other, in the first file that has room for all of them. */
  async #map(regionBytes: number) {
    const all = regionBytes * this.size
    for (const [i, fd] of this.#options.fds.entries()) {
      const begin = this.#ends[i]!
      const fits = await this.exchange(reserve(fd, begin + this.rank * regionBytes, regionBytes))
      if (fits.every(Boolean)) {
        if (i > 0)
          this.#options.onNote(
            `${memoryFolder} has no room for ${humanBytes(all)} of gradients: a file in the temporary folder is taken, which is slower`,
          )
        this.#ends[i]! += all
        return mapShared(fd, begin, all)
      }
      if (this.rank === 0) ftruncateSync(fd, begin)
    }
    throw new UserError(
      `there is no room for ${humanBytes(all)} of gradients of ${this.size} workers in ${memoryFolder} or the temporary ` +
        'folder: make room, name another with TMPDIR, or take fewer workers',
    )
  }

  /** This worker's share of an array, cut into stretches. */
  #shareOf(arrays: readonly Float32Array[]): readonly Stretch[] {
    const { length } = arrays[0]!
    const border = (rank: number) => Math.min(length, roundUp((length * rank) / this.size, lineBytes / 4))
    const stretches: Stretch[] = []
    for (let begin = border(this.rank), end = border(this.rank + 1); begin < end; begin += chunk) {
      const stop = Math.min(end, begin + chunk)
      stretches.push(
        arrays.map((array) => new HostTensor('float32', [stop - begin], array.subarray(begin, stop))),
      )
    }
    return stretches
  }

  async sum(arrays: readonly Float32Array[]): Promise<void> {
    const stretches = arrays.flatMap((array) => {
      const share = array.length === 0 ? [] : this.#shares.get(array)
      if (!share) throw new Error('only arrays of memory() can be summed')
      return share
    })
    this.#lanes ??= await createLanes(sumGraph(), this.#options)
    await this.#control.meet()
    await this.#lanes.each(stretches, async (session, [first, ...others]) => {
      for (const other of others) await session.run({ gradient: first!, kept: other }, { sum: first! })
      for (const other of others) other.floats.set(first!.floats)
    })
    await this.#control.meet()
  }

  async exchange<T>(message: T): Promise<readonly T[]> {
    const received = await this.#control.exchange(Buffer.from(JSON.stringify(message)))
    return received.map((bytes) => JSON.parse(Buffer.from(bytes).toString()) as T)
  }

  close(): void {
    this.#control.close()
    this.#lanes?.close()
    for (const stretch of [...this.#shares.values()].flat()) for (const tensor of stretch) tensor.release()
    this.#shares.clear()
  }
}

const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple
