/** Words and n-grams as numbers, so that counting them compares no strings. */
import { Growing, grown } from './growing.js'
import { PairNumbers } from './pairs.js'
import { splitWords } from './whiteSpace.js'

export const longestGram = 4

/**
 * The n-grams of captions, which are numbered as they come; n-grams of up to {@link longestGram} words are too.
 *
 * Those of all captions stand in one list, not in one each: so many small ones cost more than all counting.
 */
export class Grams {
  private readonly words = new Map<string, number>()
  /** An n-gram is its first n − 1 words and its last one. */
  private readonly pairs = new PairNumbers()
  private readonly lengths = new Growing()
  /** Where the n-grams of each caption begin, by n, and after them all where the last ones end. */
  private readonly starts = new Growing()
  private readonly numbers = new Growing()
  private readonly counts = new Growing()
  /** Of each n-gram the list that had it last, and its place there. */
  private lastLists = new Int32Array(2 ** 12)
  private places = new Int32Array(2 ** 12)
  private lists = 0
  /** The caption that is being counted: its words, and its n-grams of one length in the order of their first words. */
  private readonly line = new Growing()
  private readonly grams = new Growing()

  constructor() {
    this.starts.push(0)
  }

  /** How many different n-grams there are. */
  get count(): number {
    return this.pairs.count
  }

  /** @returns the caption's number */
  add(caption: string): number {
    const { line, grams } = this
    line.count = grams.count = 0
    for (const word of splitWords(caption)) {
      line.push(this.wordOf(word))
      grams.push(-1)
    }
    this.lengths.push(line.count)
    for (let n = 1; n <= longestGram; n++) this.countGrams(n)
    return this.lengths.count - 1
  }

  private wordOf(word: string): number {
    const known = this.words.get(word)
    if (known !== undefined) return known
    this.words.set(word, this.words.size)
    return this.words.size - 1
  }

  private countGrams(n: number): void {
    const { line, grams, numbers, counts } = this
    const list = ++this.lists
    for (let i = 0; i + n <= line.count; i++) {
      const gram = this.pairs.numberOf(grams.items[i]! + 1, line.items[i + n - 1]!)
      grams.items[i] = gram
      if (gram >= this.places.length) this.grow()
      if (this.lastLists[gram] === list) counts.items[this.places[gram]!]!++
      else {
        this.lastLists[gram] = list
        this.places[gram] = numbers.count
        numbers.push(gram)
        counts.push(1)
      }
    }
    this.starts.push(numbers.count)
  }

  private grow(): void {
    this.lastLists = grown(this.lastLists, 2 * this.lastLists.length)
    this.places = grown(this.places, 2 * this.places.length)
  }

  /** To be asked when all captions are there. */
  get counted(): CountedGrams {
    return {
      words: this.lengths.all,
      starts: this.starts.all,
      ids: this.numbers.all,
      counts: this.counts.all,
    }
  }
}

/** How often each n-gram occurs in captions. */
export interface CountedGrams {
  /** Number of words of each caption. */
  readonly words: Int32Array
  /** Where those of n words of a caption begin: at `longestGram * caption + n - 1`; they end where the next ones begin. */
  readonly starts: Int32Array
  /** Each once a caption and length, in the order of their first occurrence. */
  readonly ids: Int32Array
  /** How often each of `ids` occurs. */
  readonly counts: Int32Array
}
