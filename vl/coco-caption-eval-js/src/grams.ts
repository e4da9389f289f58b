/** Words and n-grams as numbers, so that counting them compares no strings. */
import { PairNumbers } from './pairs.js'

export const longestGram = 4

/** Numbers for n-grams of up to {@link longestGram} words, given in the order in which they are first seen. */
export class Grams {
  private readonly words = new Map<string, number>()
  /** An n-gram is its first n − 1 words and its last one. */
  private readonly pairs = new PairNumbers()
  /** Of each n-gram the list that had it last, and its place there. */
  private lastLists = new Int32Array(2 ** 11)
  private places = new Int32Array(2 ** 11)
  private lists = 0

  /** How many there are. */
  get count(): number {
    return this.pairs.count
  }

  /** @returns for n = 1 … 4 how often each n-gram of a caption occurs there */
  countIn(words: readonly string[]): readonly Counted[] {
    const wordIds = words.map((word) => this.wordOf(word))
    const counted: Counted[] = []
    let shorter: readonly number[] = []
    for (let n = 1; n <= longestGram; n++) {
      const grams: number[] = []
      for (let i = 0; i + n <= words.length; i++)
        grams.push(this.pairs.numberOf(n === 1 ? 0 : shorter[i]! + 1, wordIds[i + n - 1]!))
      if (this.count > this.places.length) this.grow()
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

  private grow(): void {
    const size = 2 * this.count
    this.lastLists = grown(this.lastLists, size)
    this.places = grown(this.places, size)
  }
}

/** How often each n-gram occurs, in the order of their first occurrence. */
export interface Counted {
  // Not typed arrays: those cost far more to make than these few numbers do.
  readonly ids: readonly number[]
  readonly counts: readonly number[]
}

function grown(numbers: Int32Array, size: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(size)
  larger.set(numbers)
  return larger
}
