/**
 * METEOR's search for the alignment of a hypothesis with a reference: a beam over the words of the reference. Its quirks
 * are the original's, since they decide which alignment is found: weights are cut to whole numbers, and the distance of a
 * match is added to the states that come after it in the list, not to the one that takes it.
 *
 * A state at a word has decided about all words before it, so what is kept of it is where it goes on, the used words of
 * the hypothesis and what makes its rank. No other match has a word of one without rival, so every state takes those.
 *
 * Hot: states are rows of whole numbers in one array, changed in place (`scripts/bench/captions.mjs`).
 */
import { Growing } from '../growing.js'
import type { Match, Matches } from './matches.js'

const beamSize = 40

/** Of a row: its distance, the next word of the reference, where the open chunk ends, the last choice, used words. */
const [distance, next, lastEnd, choice, used] = [0, 1, 2, 3, 4]
const none = -1

/** A state's merit is its weight times this, less its chunks. */
const unit = 2 ** 24

export class Beam {
  private cells = new Int32Array(2 ** 10)
  private merits = new Float64Array(2 ** 7)
  private width = used
  private rows = 0
  /** Rows of states that are no more. */
  private readonly free = new Growing()
  /** Rows of the states, as they come. */
  private readonly queue = new Growing()
  private readonly best = new Int32Array(beamSize)
  private bestCount = 0
  /** Matches that were chosen among rivals, each with the choice before it. */
  private chosen: Match[] = []
  private readonly before = new Growing()

  /** @returns the matches of the best alignment, in the order of the reference */
  search(matches: Matches): Match[] {
    const { at } = matches
    const alone = at.map((list) => (list.length === 1 && isAlone(list[0]!, matches) ? list[0] : undefined))
    this.begin(matches.coverage.length)
    for (let word = 0; word < at.length; word++) {
      this.rank()
      for (let k = 0; k < this.bestCount; k++) this.step(this.best[k]!, word, at[word]!, alone[word])
    }
    this.rank()
    for (let k = 0; k < this.bestCount; k++) {
      this.closeChunk(this.best[k]!)
      this.queue.push(this.best[k]!)
    }
    this.rank()
    return this.alignmentOf(this.best[0]!, alone)
  }

  /** One state at the first word. */
  private begin(hypothesisWords: number): void {
    this.width = used + ((hypothesisWords + 31) >> 5)
    this.rows = 0
    this.free.count = this.queue.count = this.before.count = 0
    this.chosen = []
    const row = this.newRow()
    this.cells.fill(0, 0, this.width)
    this.cells[lastEnd] = this.cells[choice] = none
    this.merits[row] = 0
    this.queue.push(row)
  }

  /** Moves the first states of the queue into `best`, in the order of their ranks; equal ones as they stand. */
  private rank(): void {
    const { queue, best } = this
    let count = 0
    for (let i = 0; i < queue.count; i++) {
      const row = queue.items[i]!
      const place = this.placeOf(row, count)
      if (count < beamSize) count++
      else this.free.push(place < beamSize ? best[beamSize - 1]! : row)
      if (place === beamSize) continue
      for (let k = count - 1; k > place; k--) best[k] = best[k - 1]!
      best[place] = row
    }
    this.bestCount = count
    queue.count = 0
  }

  /** Before which of the first `count` states of `best` one belongs; mostly they come in order. */
  private placeOf(row: number, count: number): number {
    const { best } = this
    if (count === 0 || !this.isBetter(row, best[count - 1]!)) return count
    let from = 0
    let to = count - 1
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.isBetter(row, best[middle]!)) to = middle
      else from = middle + 1
    }
    return from
  }

  private isBetter(a: number, b: number): boolean {
    const byMerit = this.merits[a]! - this.merits[b]!
    if (byMerit !== 0) return byMerit > 0
    return this.cells[a * this.width + distance]! < this.cells[b * this.width + distance]!
  }

  private step(row: number, word: number, list: readonly Match[], alone: Match | undefined): void {
    if (this.cells[row * this.width + next]! > word) this.queue.push(row)
    else if (alone) {
      this.take(row, alone)
      this.cells[row * this.width + distance]! += Math.abs(alone.referenceBegin - alone.begin)
      this.queue.push(row)
    } else this.branch(row, list)
  }

  /** A state for each match that is still possible here, and one without. */
  private branch(row: number, list: readonly Match[]): void {
    for (const match of list) {
      if (this.isUsed(row, match)) continue
      const copy = this.copyOf(row)
      this.choose(copy, match)
      this.take(copy, match)
      this.cells[row * this.width + distance]! += Math.abs(match.referenceBegin - match.begin) // not to the copy: a quirk
      this.queue.push(copy)
    }
    this.closeChunk(row)
    this.cells[row * this.width + next]!++
    this.queue.push(row)
  }

  private closeChunk(row: number): void {
    const at = row * this.width + lastEnd
    if (this.cells[at] === none) return
    this.cells[at] = none
    this.merits[row]!--
  }

  private take(row: number, { begin, length, referenceBegin, referenceLength, matcher }: Match): void {
    const at = row * this.width
    const open = this.cells[at + lastEnd]!
    const ended = open !== none && begin !== open ? 1 : 0
    this.merits[row]! += (weightOf(length, matcher) + weightOf(referenceLength, matcher)) * unit - ended
    this.cells[at + next] = referenceBegin + referenceLength
    this.cells[at + lastEnd] = begin + length
  }

  private choose(row: number, match: Match): void {
    const at = row * this.width
    this.before.push(this.cells[at + choice]!)
    this.cells[at + choice] = this.chosen.push(match) - 1
    for (let word = match.begin; word < match.begin + match.length; word++)
      this.cells[at + used + (word >> 5)]! |= 1 << (word & 31)
  }

  private isUsed(row: number, { begin, length }: Match): boolean {
    const mask = row * this.width + used
    for (let word = begin; word < begin + length; word++)
      if ((this.cells[mask + (word >> 5)]! >>> (word & 31)) & 1) return true
    return false
  }

  private copyOf(row: number): number {
    const copy = this.newRow()
    const { cells, width } = this
    const [from, to] = [row * width, copy * width]
    for (let k = 0; k < width; k++) cells[to + k] = cells[from + k]!
    this.merits[copy] = this.merits[row]!
    return copy
  }

  private newRow(): number {
    if (this.free.count > 0) return this.free.items[--this.free.count]!
    const row = this.rows++
    if (this.rows > this.merits.length) {
      const merits = new Float64Array(this.merits.length * 2)
      merits.set(this.merits)
      this.merits = merits
    }
    if (this.rows * this.width > this.cells.length) {
      const cells = new Int32Array(this.cells.length * 2 + this.width)
      cells.set(this.cells)
      this.cells = cells
    }
    return row
  }

  private alignmentOf(row: number, alone: readonly (Match | undefined)[]): Match[] {
    const at = [...alone]
    let last = this.cells[row * this.width + choice]!
    while (last !== none) {
      const match = this.chosen[last]!
      at[match.referenceBegin] = match
      last = this.before.items[last]!
    }
    return at.filter((match) => match !== undefined)
  }
}

/** What a match of so many words adds to a state's weight: half a word each but for exact ones, cut to a whole number. */
const weightOf = (length: number, matcher: number) => (matcher === 0 ? length : length >> 1)

/** No word of the match is in another one. */
function isAlone(
  { referenceBegin, referenceLength, begin, length }: Match,
  { referenceCoverage, coverage }: Matches,
): boolean {
  for (let k = 0; k < referenceLength; k++) if (referenceCoverage[referenceBegin + k] !== 1) return false
  for (let k = 0; k < length; k++) if (coverage[begin + k] !== 1) return false
  return true
}
