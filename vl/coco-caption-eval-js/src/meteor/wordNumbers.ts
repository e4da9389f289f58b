/** Words numbered in the order in which they are first seen, found by their units: no text is cut for it. */

const none = -1

export class WordNumbers {
  private slots = new Int32Array(2 ** 12).fill(none)
  private readonly hashes: number[] = []
  private readonly texts: string[] = []

  /** @returns the number of the word from `begin` to before `end`; a new one has the next */
  numberOf(text: string, begin: number, end: number): number {
    let hash = 0
    for (let i = begin; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x9e3779b1)
    hash ^= hash >>> 15
    const mask = this.slots.length - 1
    let slot = hash & mask
    for (let number = this.slots[slot]!; number !== none; number = this.slots[slot]!) {
      if (this.hashes[number] === hash && this.isAt(number, text, begin, end)) return number
      slot = (slot + 1) & mask
    }
    const number = this.texts.push(text.slice(begin, end)) - 1
    this.hashes.push(hash)
    this.slots[slot] = number
    if (this.texts.length * 2 > this.slots.length) this.grow()
    return number
  }

  private isAt(number: number, text: string, begin: number, end: number): boolean {
    const word = this.texts[number]!
    if (word.length !== end - begin) return false
    for (let i = 0; i < word.length; i++) if (word.charCodeAt(i) !== text.charCodeAt(begin + i)) return false
    return true
  }

  private grow(): void {
    this.slots = new Int32Array(this.slots.length * 2).fill(none)
    const mask = this.slots.length - 1
    this.hashes.forEach((hash, number) => {
      let slot = hash & mask
      while (this.slots[slot] !== none) slot = (slot + 1) & mask
      this.slots[slot] = number
    })
  }
}
