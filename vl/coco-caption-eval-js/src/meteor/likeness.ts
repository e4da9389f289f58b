/** How different words are alike. */
import type { Word } from './line.js'

/** Bits of what two words may have in common. */
export const alike = { stem: 1, synonym: 2 } as const

const slots = 2 ** 16
/** A key is a word's number times this and another one's: exact as long as there are fewer words. */
const bits = 2 ** 26

/** What was found out of two words is kept until another pair takes its place: few words make most pairs. */
export class Likeness {
  private readonly keys = new Float64Array(slots).fill(-1)
  private readonly found = new Uint8Array(slots)

  /** @returns bits of {@link alike}, none for the same word */
  of(a: Word, b: Word): number {
    if (a === b) return 0
    const key = a.number * bits + b.number
    const slot = (Math.imul(a.number, 0x9e3779b1) ^ Math.imul(b.number, 0x85ebca6b)) >>> 16
    if (this.keys[slot] !== key) {
      this.keys[slot] = key
      this.found[slot] =
        (a.stem === b.stem ? alike.stem : 0) | (haveCommon(a.sets, b.sets) ? alike.synonym : 0)
    }
    return this.found[slot]!
  }
}

/** Whether two ascending lists have a number in common. */
function haveCommon(a: Uint32Array, b: Uint32Array): boolean {
  let [i, k] = [0, 0]
  while (i < a.length && k < b.length) {
    const difference = a[i]! - b[k]!
    if (difference === 0) return true
    if (difference < 0) i++
    else k++
  }
  return false
}
