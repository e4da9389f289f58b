/**
 * Randomness that can be replayed: every number is a function of integers that the caller names
 * (seed, step, site, row), so nothing depends on how many numbers were drawn before.
 */

/** A 32-bit integer that depends on every bit of every argument (multiply-xorshift rounds). */
export function hash32(...words: readonly number[]): number {
  let h = 0x9e3779b9
  for (const word of words) {
    h = mix((h ^ word) >>> 0)
    h = mix((h + 0x6d2b79f5 + Math.floor(word / 2 ** 32)) >>> 0)
  }
  return h
}

function mix(x: number): number {
  let h = x
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
  return (h ^ (h >>> 16)) >>> 0
}

/** A stream of numbers that is a function of its key alone. */
export class Random {
  readonly #key: number
  #count = 0

  /** @param words what the stream is for, e.g. `seed, epoch` */
  constructor(...words: readonly number[]) {
    this.#key = hash32(...words)
  }

  /** Uniform in [0, 2³²). */
  uint32(): number {
    return hash32(this.#key, this.#count++)
  }

  /** Uniform in [0, 1), with 53 random bits. */
  uniform(): number {
    return ((this.uint32() >>> 5) * 2 ** 26 + (this.uint32() >>> 6)) / 2 ** 53
  }

  /** Uniform in 0 … n − 1. */
  integer(n: number): number {
    return Math.floor(this.uniform() * n)
  }

  /** One of a list that is not empty, each equally likely. */
  pick<T>(items: readonly T[]): T {
    return items[this.integer(items.length)]!
  }

  /** One of those whose weight is above 0, with probability weight / Σ weights; `undefined` where there is none. */
  weighted<T>(items: readonly T[], weightOf: (item: T) => number): T | undefined {
    let rest = this.uniform() * items.reduce((sum, item) => sum + weightOf(item), 0)
    let drawn: T | undefined
    for (const item of items) {
      const weight = weightOf(item)
      if (weight === 0) continue
      drawn = item
      rest -= weight
      if (rest < 0) break
    }
    return drawn
  }

  /** Standard normal (Box and Muller 1958). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
    return radius * Math.cos(2 * Math.PI * this.uniform())
  }

  /** A uniformly random order of 0 … n − 1 (Fisher and Yates). */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i)
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1)
      const swapped = order[i]!
      order[i] = order[j]!
      order[j] = swapped
    }
    return order
  }
}
