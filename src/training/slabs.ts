/** Flat float32 memory in which the parameters of a run lie one behind the other. */
import { type DeviceMemory, type DeviceRoom, HostTensor, type RunTensor } from '../runtime/index.js'

/** A stretch of one slab, in elements: `begin` … `end` − 1. */
export interface Span {
  readonly slab: number
  readonly begin: number
  readonly end: number
}

/**
 * Arrays that runs read and write where they are. Views of them are made once. What asks for `live` tensors, pushes and
 * fetches works with {@link DeviceSlabs} too.
 */
export class Slabs {
  readonly arrays: readonly Float32Array[]
  readonly #views = new Map<string, HostTensor>()

  /** @param arrays one a slab */
  constructor(arrays: readonly Float32Array[]) {
    this.arrays = arrays
  }

  /** The elements of a span, as a tensor of that shape (of one axis by default). */
  view({ slab, begin, end }: Span, shape: readonly number[] = [end - begin]): HostTensor {
    const key = `${slab}:${begin}:${shape}`
    let view = this.#views.get(key)
    if (!view) {
      view = new HostTensor('float32', shape, this.arrays[slab]!.subarray(begin, end))
      this.#views.set(key, view)
    }
    return view
  }

  /** What a run is to read or write of a span, which on a device begins and ends with a slab. */
  live(span: Span, shape?: readonly number[]): RunTensor {
    return this.view(span, shape)
  }

  /** The arrays to where runs read. */
  async push(): Promise<void> {}

  /** What runs have written, to the arrays. */
  async fetch(): Promise<void> {}

  /** Takes over what is in others of the same layout and place. */
  async copy(from: Slabs): Promise<void> {
    for (const [i, array] of this.arrays.entries()) array.set(from.arrays[i]!)
  }

  /** Makes a span zero. */
  async clear({ slab, begin, end }: Span): Promise<void> {
    this.arrays[slab]!.fill(0, begin, end)
  }

  /** Idempotent: releases all views. */
  release(): void {
    for (const view of this.#views.values()) view.release()
    this.#views.clear()
  }
}

/** Arrays with as much room on a device, where runs read and write. */
export class DeviceSlabs extends Slabs {
  readonly #rooms: readonly DeviceRoom[]

  constructor(arrays: readonly Float32Array[], memory: DeviceMemory) {
    super(arrays)
    this.#rooms = arrays.map(({ length }) => memory.room(length))
  }

  /** @throws {Error} a part of a slab */
  override live({ slab, begin, end }: Span, shape: readonly number[] = [end - begin]): RunTensor {
    if (begin !== 0) throw new Error(`a span from ${begin} is no whole slab`)
    return this.#rooms[slab]!.tensor(shape)
  }

  override async push(): Promise<void> {
    for (const [i, room] of this.#rooms.entries()) await room.write(this.arrays[i]!)
  }

  override async fetch(): Promise<void> {
    for (const [i, room] of this.#rooms.entries()) await room.read(this.arrays[i]!)
  }

  override async copy(from: DeviceSlabs): Promise<void> {
    for (const [i, room] of this.#rooms.entries()) await room.copy(from.#rooms[i]!)
  }

  override async clear(span: Span): Promise<void> {
    await super.clear(span)
    await this.#rooms[span.slab]!.write(this.arrays[span.slab]!)
  }

  override release(): void {
    super.release()
    for (const room of this.#rooms) room.release()
  }
}
