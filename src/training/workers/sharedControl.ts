/**
 * How workers of one machine wait for one another and pass messages, in the first bytes of the file that all map.
 *
 * A line of 64 bytes a worker counts the meetings that it has come to; nobody else writes there. Behind them are two
 * mailboxes a worker, used by turns: a worker that fills one has met all others since it filled it last, and they had read
 * it before they came.
 */
import { setImmediate, setTimeout } from 'node:timers/promises'
import { mapShared } from '../../runtime/index.js'

const lineBytes = 64
const mailboxBytes = 2 ** 16
/** Bytes of this piece, and whether another follows. */
const headBytes = 8
const pieceBytes = mailboxBytes - headBytes

/** How long a worker asks again and again whether the others have come, before it sleeps in between. */
const spinMs = 2
const sleepMs = 1

/** What `size` workers need. */
export const controlBytes = (size: number): number => size * (lineBytes + 2 * mailboxBytes)

interface Mailbox {
  readonly head: Int32Array
  readonly piece: Uint8Array
}

export class SharedControl {
  readonly #rank: number
  readonly #counts: readonly Int32Array[]
  /** By turn, then by rank. */
  readonly #mailboxes: readonly (readonly Mailbox[])[]
  #meetings = 0
  #messages = 0
  #closed = false

  /** @param fd a file whose first {@link controlBytes} are reserved, and zero when the first worker comes */
  constructor(fd: number, rank: number, size: number) {
    this.#rank = rank
    const view = mapShared(fd, 0, controlBytes(size))
    const ranks = [...Array(size).keys()]
    this.#counts = ranks.map((of) => new Int32Array(view(of * lineBytes, lineBytes)))
    this.#mailboxes = [0, 1].map((turn) =>
      ranks.map((of) => {
        const bytes = view(size * lineBytes + (turn * size + of) * mailboxBytes, mailboxBytes)
        return { head: new Int32Array(bytes, 0, headBytes / 4), piece: new Uint8Array(bytes, headBytes) }
      }),
    )
  }

  /** Waits until all workers are here: what they wrote before is seen by all behind. */
  async meet(): Promise<void> {
    this.#meetings = (this.#meetings + 1) | 0
    Atomics.store(this.#counts[this.#rank]!, 0, this.#meetings)
    const since = performance.now()
    for (const count of this.#counts) {
      while (((Atomics.load(count, 0) - this.#meetings) | 0) < 0) {
        await (performance.now() - since < spinMs ? setImmediate() : setTimeout(sleepMs))
        if (this.#closed) throw new Error('this group of workers was closed')
      }
    }
  }

  /** @returns every worker's message, by rank */
  async exchange(message: Uint8Array): Promise<readonly Uint8Array[]> {
    const received: Uint8Array[][] = this.#counts.map(() => [])
    for (let sent = 0, more = true; more; sent += pieceBytes) {
      const mailboxes = this.#mailboxes[this.#messages++ % 2]!
      const own = mailboxes[this.#rank]!
      const piece = message.subarray(sent, sent + pieceBytes)
      own.piece.set(piece)
      own.head.set([piece.length, Number(sent + pieceBytes < message.length)])
      await this.meet()
      for (const [from, { head, piece }] of mailboxes.entries()) received[from]!.push(piece.slice(0, head[0]))
      more = mailboxes.some(({ head }) => head[1] === 1)
    }
    return received.map((pieces) => Buffer.concat(pieces))
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true
  }
}
