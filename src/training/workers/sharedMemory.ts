/** Workers of one machine, which map one file: gradients meet where ONNX Runtime writes them. */
import { ftruncateSync } from 'node:fs'
import { humanBytes, UserError } from '../../base/index.js'
import { HostTensor, mapShared, memoryFolder, type Runtime } from '../../runtime/index.js'
import { sumGraph } from '../optimizers/accumulate.js'
import { createLanes, type Lanes } from '../optimizers/lanes.js'
import type { Span } from '../slabs.js'
import type { CommonMemory, WorkerGroup } from './group.js'
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
  /** Of an array of this worker, all workers' by rank. */
  readonly #arrays = new Map<Float32Array, readonly Float32Array[]>()
  /** What this worker adds up, by what it was asked. */
  readonly #stretches = new Map<unknown, readonly Stretch[]>()
  #lanes: Lanes | undefined
  #isSlowNoted = false

  readonly common: CommonMemory = {
    memory: (lengths) => this.#commonMemory(lengths),
    sum: (arrays, own) => this.#sumOwn(arrays, own),
    meet: () => this.#control.meet(),
  }

  constructor(options: SharedGroupOptions) {
    this.#options = options
    this.rank = options.rank
    this.size = options.size
    this.#control = new SharedControl(options.fds[0]!, this.rank, this.size)
    this.#ends = options.fds.map((_, i) => (i === 0 ? roundUp(controlBytes(this.size), pageBytes) : 0))
  }

  async memory(lengths: readonly number[]): Promise<readonly Float32Array[]> {
    const { begins, bytes } = layOut(lengths)
    if (bytes === 0) return lengths.map(() => new Float32Array(0))
    const view = await this.#map(bytes * this.size)
    const arrays = Array.from({ length: this.size }, (_, rank) =>
      lengths.map((length, i) => new Float32Array(view(rank * bytes + begins[i]!, 4 * length))),
    )
    const own = arrays[this.rank]!
    for (const [i, array] of own.entries())
      this.#arrays.set(
        array,
        arrays.map((of) => of[i]!),
      )
    return own
  }

  async #commonMemory(lengths: readonly number[]): Promise<readonly Float32Array[]> {
    const { begins, bytes } = layOut(lengths)
    if (bytes === 0) return lengths.map(() => new Float32Array(0))
    const view = await this.#map(bytes)
    return lengths.map((length, i) => new Float32Array(view(begins[i]!, 4 * length)))
  }

  /** Maps memory in the first file that has room for all of it, of which each worker reserves a part. */
  async #map(all: number) {
    const border = (rank: number) => Math.floor((all * rank) / this.size)
    const [from, to] = [border(this.rank), border(this.rank + 1)]
    for (const [i, fd] of this.#options.fds.entries()) {
      const begin = this.#ends[i]!
      const fits = await this.exchange(reserve(fd, begin + from, to - from))
      if (fits.every(Boolean)) {
        if (i > 0) this.#noteSlow(all)
        this.#ends[i]! += all
        return mapShared(fd, begin, all)
      }
      if (this.rank === 0) ftruncateSync(fd, begin)
    }
    throw new UserError(
      `there is no room for ${humanBytes(all)} that ${this.size} workers share in ${memoryFolder} or the temporary ` +
        'folder: make room, name another with TMPDIR, or take fewer workers',
    )
  }

  #noteSlow(bytes: number): void {
    if (this.#isSlowNoted) return
    this.#isSlowNoted = true
    this.#options.onNote(
      `${memoryFolder} has no room for ${humanBytes(bytes)} that workers share: a file in the temporary folder is taken, which is slower`,
    )
  }

  /** An array's span in every worker's memory, cut. */
  #cut(array: Float32Array, { begin, end }: Omit<Span, 'slab'>): readonly Stretch[] {
    const arrays = this.#arrays.get(array)
    if (!arrays) throw new Error('only arrays of memory() can be summed')
    const stretches: Stretch[] = []
    for (let at = begin; at < end; at += chunk) {
      const stop = Math.min(end, at + chunk)
      stretches.push(arrays.map((array) => new HostTensor('float32', [stop - at], array.subarray(at, stop))))
    }
    return stretches
  }

  /** Made at the first call with this key. */
  #stretchesOf(key: unknown, make: () => readonly Stretch[]): readonly Stretch[] {
    const known = this.#stretches.get(key) ?? make()
    this.#stretches.set(key, known)
    return known
  }

  async sum(arrays: readonly Float32Array[]): Promise<void> {
    const shareOf = (array: Float32Array) => {
      const { length } = array
      const border = (rank: number) => Math.min(length, roundUp((length * rank) / this.size, lineBytes / 4))
      return this.#cut(array, { begin: border(this.rank), end: border(this.rank + 1) })
    }
    const stretches = arrays.flatMap((array) =>
      array.length === 0 ? [] : this.#stretchesOf(array, () => shareOf(array)),
    )
    await this.#add(stretches, ([, ...others]) => others)
    await this.#control.meet()
  }

  async #sumOwn(arrays: readonly Float32Array[], own: readonly Span[]): Promise<void> {
    const stretches = this.#stretchesOf(own, () => own.flatMap((span) => this.#cut(arrays[span.slab]!, span)))
    const mine = (stretch: Stretch) => (this.rank === 0 ? [] : [stretch[this.rank]!])
    await this.#add(stretches, mine)
  }

  /** Adds stretches up in the first worker's memory, where nobody else writes them, and copies the sums. */
  async #add(
    stretches: readonly Stretch[],
    receivers: (of: Stretch) => readonly HostTensor[],
  ): Promise<void> {
    this.#lanes ??= await createLanes(sumGraph(), this.#options)
    await this.#control.meet()
    await this.#lanes.each(stretches, async (session, stretch) => {
      const [first, ...others] = stretch
      for (const other of others) await session.run({ gradient: first!, kept: other }, { sum: first! })
      for (const receiver of receivers(stretch)) receiver.floats.set(first!.floats)
    })
  }

  async exchange<T>(message: T): Promise<readonly T[]> {
    const received = await this.#control.exchange(Buffer.from(JSON.stringify(message)))
    return received.map((bytes) => JSON.parse(Buffer.from(bytes).toString()) as T)
  }

  close(): void {
    this.#control.close()
    this.#lanes?.close()
    for (const stretch of [...this.#stretches.values()].flat()) for (const tensor of stretch) tensor.release()
    this.#stretches.clear()
  }
}

/** Where arrays begin that follow one another, and what they take. */
function layOut(lengths: readonly number[]) {
  const begins = [0]
  for (const length of lengths) begins.push(roundUp(begins.at(-1)! + 4 * length, lineBytes))
  return { bytes: roundUp(begins.pop()!, pageBytes), begins }
}

const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple
