/** Pairs of whole numbers, numbered in the order in which they are first seen: a hash table without objects. */
import { Growing } from './growing.js'

const none = -1

export class PairNumbers {
  /** Numbers of pairs, where their hashes lead. */
  private slots = new Int32Array(2 ** 15).fill(none)
  private readonly firsts = new Growing()
  private readonly seconds = new Growing()

  /** How many pairs there are. */
  get count(): number {
    return this.firsts.count
  }

  /** The number of a pair; that of a new one is `count` as it was before. */
  numberOf(first: number, second: number): number {
    const { slots } = this
    const firsts = this.firsts.items
    const seconds = this.seconds.items
    const mask = slots.length - 1
    let slot = hashOf(first, second) & mask
    for (let number = slots[slot]!; number !== none; number = slots[slot]!) {
      if (firsts[number] === first && seconds[number] === second) return number
      slot = (slot + 1) & mask
    }
    slots[slot] = this.count
    this.firsts.push(first)
    this.seconds.push(second)
    if (this.count * 2 >= slots.length) this.grow()
    return this.count - 1
  }

  private grow(): void {
    const slots = new Int32Array(this.slots.length * 2).fill(none)
    const mask = slots.length - 1
    for (let number = 0; number < this.count; number++) {
      let slot = hashOf(this.firsts.items[number]!, this.seconds.items[number]!) & mask
      while (slots[slot] !== none) slot = (slot + 1) & mask
      slots[slot] = number
    }
    this.slots = slots
  }
}

function hashOf(first: number, second: number): number {
  const mixed = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b)
  return mixed ^ (mixed >>> 15)
}
