/** Tensors as they are now, written while training goes on. */
import { pieceBytes } from '../files/index.js'
import type { TensorToWrite } from '../weights/index.js'

interface Live {
  memory: Uint8Array
}

/**
 * Reads tensors where they lie for as long as they stay as they are, and copies the rest when they are about to change:
 * a step changes them at its end alone, so most need no copy.
 */
export class Snapshot {
  readonly #copies: Uint8Array[]
  /** Those that are not wholly read, by their numbers. */
  readonly #unread = new Map<number, Live>()
  #count = 0

  /** @param copies memory for the copies, which the next snapshot may have when nobody reads this one any more */
  constructor(copies: Uint8Array[]) {
    this.#copies = copies
  }

  /** What is made when it is asked for stays as it is. */
  of(tensor: TensorToWrite): TensorToWrite {
    if (typeof tensor.data === 'function') return tensor
    const { buffer, byteOffset, byteLength } = tensor.data
    const live: Live = { memory: new Uint8Array(buffer, byteOffset, byteLength) }
    const number = this.#count++
    this.#unread.set(number, live)
    return { ...tensor, data: () => this.#read(number, live) }
  }

  *#read(number: number, live: Live): Generator<Uint8Array> {
    for (let at = 0; at < live.memory.length; at += pieceBytes)
      yield live.memory.subarray(at, at + pieceBytes)
    this.#unread.delete(number)
  }

  /** Copies what was not read yet: the tensors may change from now on. */
  detach(): void {
    for (const [number, live] of this.#unread) {
      const known = this.#copies[number]
      const copy = known?.length === live.memory.length ? known : new Uint8Array(live.memory.length)
      copy.set(live.memory)
      this.#copies[number] = copy
      live.memory = copy
    }
    this.#unread.clear()
  }
}
