/** Words and n-grams as numbers, so that counting them compares no strings. */

export const longestGram = 4

/** An n-gram is its first n − 1 words and its last one; the key of both is a number of 2 × `bits` bits. */
const bits = 2 ** 26
const empty = -1

/** Numbers for n-grams of up to {@link longestGram} words, given in the order in which they are first seen. */
export class Grams {
  private readonly words = new Map<string, number>()
  private keys = new Float64Array(2 ** 12).fill(empty)
  private ids = new Int32Array(2 ** 12)
  /** Of each n-gram the list that had it last, and its place there. */
  private lastLists = new Int32Array(2 ** 11)
  private places = new Int32Array(2 ** 11)
  private lists = 0
  /** How many there are. */
  count = 0

  /** @returns for n = 1 … 4 how often each n-gram of a caption occurs there */
  countIn(words: readonly string[]): readonly Counted[] {
    const wordIds = words.map((word) => this.wordOf(word))
    const counted: Counted[] = []
    let shorter: readonly number[] = []
    for (let n = 1; n <= longestGram; n++) {
      const grams: number[] = []
      for (let i = 0; i + n <= words.length; i++)
        grams.push(this.idOf(n === 1 ? 0 : shorter[i]! + 1, wordIds[i + n - 1]!))
      counted.push(this.countList(grams))
      shorter = grams
    }
    return counted
  }

  private countList(grams: readonly number[]): Counted {
    const list = ++this.lists
    const ids: number[] = []
    const counts: number[] = []
    for (const gram of grams) {
      if (this.lastLists[gram] === list) counts[this.places[gram]!]!++
      else {
        this.lastLists[gram] = list
        this.places[gram] = ids.push(gram) - 1
        counts.push(1)
      }
    }
    return { ids, counts }
  }

  private wordOf(word: string): number {
    const known = this.words.get(word)
    if (known !== undefined) return known
    this.words.set(word, this.words.size)
    return this.words.size - 1
  }

  private idOf(prefix: number, word: number): number {
    const slot = this.slotOf(prefix * bits + word)
    if (this.keys[slot] !== empty) return this.ids[slot]!
    this.keys[slot] = prefix * bits + word
    this.ids[slot] = this.count++
    const id = this.ids[slot]!
    if (this.count * 2 >= this.keys.length) this.grow()
    return id
  }

  /** Where a key stands, or belongs. */
  private slotOf(key: number): number {
    const mask = this.keys.length - 1
    let slot = (Math.imul(Math.floor(key / bits), 0x9e3779b1) ^ Math.imul(key % bits, 0x85ebca6b)) >>> 0
    slot = (slot ^ (slot >>> 15)) & mask
    while (this.keys[slot] !== empty && this.keys[slot] !== key) slot = (slot + 1) & mask
    return slot
  }

  private grow(): void {
    const [keys, ids] = [this.keys, this.ids]
    this.keys = new Float64Array(keys.length * 2).fill(empty)
    this.ids = new Int32Array(ids.length * 2)
    this.lastLists = grown(this.lastLists)
    this.places = grown(this.places)
    keys.forEach((key, i) => {
      if (key === empty) return
      const slot = this.slotOf(key)
      this.keys[slot] = key
      this.ids[slot] = ids[i]!
    })
  }
}

/** How often each n-gram occurs, in the order of their first occurrence. */
export interface Counted {
  // Not typed arrays: those cost far more to make than these few numbers do.
  readonly ids: readonly number[]
  readonly counts: readonly number[]
}

function grown(numbers: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(numbers.length * 2)
  larger.set(numbers)
  return larger
}
