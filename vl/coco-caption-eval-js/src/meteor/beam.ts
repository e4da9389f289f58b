/**
 * METEOR's search for the alignment of a hypothesis with a reference: a beam over the words of the reference. Its quirks
 * are the original's, since they decide which alignment is found: weights are cut to whole numbers, and the distance of a
 * match is added to the states that come after it in the list, not to the one that takes it.
 *
 * Hot: its states are rows of whole numbers in one array (`scripts/bench/captions.mjs`).
 */
import type { Match, Matches } from './matches.js'

const beamSize = 40

/** Of a row: what makes its rank, the next word of the reference, where the open chunk ends in the hypothesis. */
const [weight, chunks, distance, next, lastEnd, head] = [0, 1, 2, 3, 4, 5]
const none = -1

/** What a match of so many words adds to a state's weight: half a word each but for exact ones, cut to a whole number. */
const weightOf = (length: number, matcher: number) => (matcher === 0 ? length : length >> 1)

/** Rows of equal length in one array that grows. */
class Rows {
  cells = new Int32Array(2 ** 12)
  count = 0

  constructor(public width: number) {}

  reset(width: number): void {
    this.width = width
    this.count = 0
  }

  /** Appends a copy of a row. @returns where it begins */
  copy(from: Int32Array, begin: number): number {
    const at = this.count++ * this.width
    if (at + this.width > this.cells.length) {
      const larger = new Int32Array(this.cells.length * 2 + this.width)
      larger.set(this.cells)
      const isOwn = from === this.cells
      this.cells = larger
      if (isOwn) return this.fill(at, larger, begin)
    }
    return this.fill(at, from, begin)
  }

  private fill(at: number, from: Int32Array, begin: number): number {
    for (let k = 0; k < this.width; k++) this.cells[at + k] = from[begin + k]!
    return at
  }
}

export class Beam {
  private queue = new Rows(head)
  private coming = new Rows(head)
  private readonly best = new Int32Array(beamSize)
  private bestCount = 0

  private words = 0
  private all: Match[] = []
  /** Where a row has its used words of the reference, of the hypothesis, and the match chosen at each word. */
  private referenceUsed = head
  private used = head
  private chosen = head

  /** @returns the matches of the best alignment, in the order of the reference */
  search({ at, referenceCoverage, coverage }: Matches): Match[] {
    this.begin(at, referenceCoverage, coverage)
    const firstOf: number[] = []
    let sum = 0
    for (const list of at) {
      firstOf.push(sum)
      sum += list.length
    }
    for (let word = 0; word <= this.words; word++) {
      this.rank()
      this.coming.reset(this.queue.width)
      for (let k = 0; k < this.bestCount; k++) {
        const row = this.best[k]! * this.queue.width
        if (word === this.words) this.finish(row)
        else if (this.isUsed(this.queue.cells, row + this.referenceUsed, word, 1)) this.pass(row, word)
        else this.branch(row, at[word]!, firstOf[word]!)
      }
      if (this.coming.count === 0) this.coming.copy(this.queue.cells, this.best[0]! * this.queue.width)
      ;[this.queue, this.coming] = [this.coming, this.queue]
    }
    this.rank()
    return this.chosenOf(this.best[0]! * this.queue.width)
  }

  /** One state, with the matches set that have no rival. */
  private begin(at: Matches['at'], referenceCoverage: Uint16Array, coverage: Uint16Array): void {
    this.words = referenceCoverage.length
    this.all = at.flat()
    this.referenceUsed = head
    this.used = head + maskLength(referenceCoverage.length)
    this.chosen = this.used + maskLength(coverage.length)
    const width = this.chosen + this.words
    const row = new Int32Array(width)
    row.fill(none, this.chosen)
    row[lastEnd] = none
    let index = 0
    for (const list of at) {
      const [match] = list
      if (match && list.length === 1 && isAlone(match, referenceCoverage, coverage))
        this.choose(row, 0, match, index)
      index += list.length
    }
    this.queue.reset(width)
    this.queue.copy(row, 0)
  }

  /** The first states of the queue in the order of their ranks; equal ones as they stand. */
  private rank(): void {
    const { cells, width, count } = this.queue
    this.bestCount = 0
    for (let i = 0; i < count; i++) {
      let place = this.bestCount
      while (place > 0 && isBetter(cells, i * width, this.best[place - 1]! * width)) place--
      if (place === beamSize) continue
      if (this.bestCount < beamSize) this.bestCount++
      for (let k = this.bestCount - 1; k > place; k--) this.best[k] = this.best[k - 1]!
      this.best[place] = i
    }
  }

  private finish(row: number): void {
    const at = this.coming.copy(this.queue.cells, row)
    if (this.coming.cells[at + lastEnd] !== none) this.coming.cells[at + chunks]!++
  }

  /** The word is used already: by a match that began before it, or by one that is set at it. */
  private pass(row: number, word: number): void {
    const { cells } = this.queue
    const following = cells[row + next]!
    if (word < following) {
      this.coming.copy(cells, row)
      return
    }
    const index = cells[row + this.chosen + following]!
    if (index === none) return
    const at = this.coming.copy(cells, row)
    const match = this.all[index]!
    this.take(this.coming.cells, at, match)
    this.coming.cells[at + distance]! += Math.abs(match.referenceBegin - match.begin)
  }

  /** A state for each match that is still possible here, and one without. */
  private branch(row: number, list: readonly Match[], first: number): void {
    const { cells } = this.queue
    for (let k = 0; k < list.length; k++) {
      const match = list[k]!
      if (this.isUsed(cells, row + this.referenceUsed, match.referenceBegin, match.referenceLength)) continue
      if (this.isUsed(cells, row + this.used, match.begin, match.length)) continue
      const at = this.coming.copy(cells, row)
      this.choose(this.coming.cells, at, match, first + k)
      this.take(this.coming.cells, at, match)
      cells[row + distance]! += Math.abs(match.referenceBegin - match.begin) // not to the copy: a quirk
    }
    const at = this.coming.copy(cells, row)
    const copy = this.coming.cells
    if (copy[at + lastEnd] !== none) {
      copy[at + chunks]!++
      copy[at + lastEnd] = none
    }
    copy[at + next]!++
  }

  private choose(cells: Int32Array, row: number, match: Match, index: number): void {
    setUsed(cells, row + this.referenceUsed, match.referenceBegin, match.referenceLength)
    setUsed(cells, row + this.used, match.begin, match.length)
    cells[row + this.chosen + match.referenceBegin] = index
  }

  private take(cells: Int32Array, row: number, match: Match): void {
    const { begin, length, referenceBegin, referenceLength, matcher } = match
    cells[row + weight]! += weightOf(length, matcher) + weightOf(referenceLength, matcher)
    const open = cells[row + lastEnd]!
    if (open !== none && begin !== open) cells[row + chunks]!++
    cells[row + next] = referenceBegin + referenceLength
    cells[row + lastEnd] = begin + length
  }

  private isUsed(cells: Int32Array, mask: number, begin: number, length: number): boolean {
    for (let word = begin; word < begin + length; word++)
      if ((cells[mask + (word >> 5)]! >>> (word & 31)) & 1) return true
    return false
  }

  private chosenOf(row: number): Match[] {
    const found: Match[] = []
    for (let word = 0; word < this.words; word++) {
      const index = this.queue.cells[row + this.chosen + word]!
      if (index !== none) found.push(this.all[index]!)
    }
    return found
  }
}

const maskLength = (words: number) => (words + 31) >> 5

function setUsed(cells: Int32Array, mask: number, begin: number, length: number): void {
  for (let word = begin; word < begin + length; word++) cells[mask + (word >> 5)]! |= 1 << (word & 31)
}

function isBetter(cells: Int32Array, a: number, b: number): boolean {
  const byWeight = cells[b + weight]! - cells[a + weight]!
  if (byWeight !== 0) return byWeight < 0
  const byChunks = cells[a + chunks]! - cells[b + chunks]!
  if (byChunks !== 0) return byChunks < 0
  return cells[a + distance]! < cells[b + distance]!
}

/** No word of the match is in another one. */
function isAlone(match: Match, referenceCoverage: Uint16Array, coverage: Uint16Array): boolean {
  const { referenceBegin, referenceLength, begin, length } = match
  const single = (count: number) => count === 1
  return (
    referenceCoverage.subarray(referenceBegin, referenceBegin + referenceLength).every(single) &&
    coverage.subarray(begin, begin + length).every(single)
  )
}
