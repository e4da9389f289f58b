/** Pairs of whole numbers, numbered in the order in which they are first seen: a hash table without objects. */

const empty = -1
/** A key is the first number times this and the second one: exact as long as both stay below it. */
const bits = 2 ** 26

export class PairNumbers {
  private keys = new Float64Array(2 ** 15).fill(empty)
  private numbers = new Int32Array(2 ** 15)
  /** How many pairs there are. */
  count = 0

  /** The number of a pair; that of a new one is `count` as it was before. */
  numberOf(first: number, second: number): number {
    const key = first * bits + second
    const slot = this.slotOf(key, first, second)
    if (this.keys[slot] === key) return this.numbers[slot]!
    const number = this.count++
    this.keys[slot] = key
    this.numbers[slot] = number
    if (this.count * 2 >= this.keys.length) this.grow()
    return number
  }

  /** Where a key stands, or belongs. */
  private slotOf(key: number, first: number, second: number): number {
    const { keys } = this
    const mask = keys.length - 1
    let slot = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b)
    slot = (slot ^ (slot >>> 15)) & mask
    while (keys[slot] !== empty && keys[slot] !== key) slot = (slot + 1) & mask
    return slot
  }

  private grow(): void {
    const [keys, numbers] = [this.keys, this.numbers]
    this.keys = new Float64Array(keys.length * 2).fill(empty)
    this.numbers = new Int32Array(numbers.length * 2)
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!
      if (key === empty) continue
      const slot = this.slotOf(key, Math.floor(key / bits), key % bits)
      this.keys[slot] = key
      this.numbers[slot] = numbers[i]!
    }
  }
}
