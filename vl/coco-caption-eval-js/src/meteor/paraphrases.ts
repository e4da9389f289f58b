/** The paraphrase table from its text of a hundred megabytes: phrases become numbers without becoming strings. */
import { CaptionError } from '../errors.js'
import { longestPhrase } from './tables.js'

export interface Phrases {
  /** UTF-8, in ascending byte order. */
  readonly words: readonly Uint8Array[]
  /** In ascending order; a character of each is the number of a word. */
  readonly phrases: readonly string[]
  /** Numbers of the phrases that stand for each phrase, ascending. */
  readonly targets: readonly Uint32Array[]
}

const [tab, lineFeed, carriageReturn, blank] = [9, 10, 13, 32]

/** @throws {CaptionError} the text is not of one of the two forms */
export function readParaphrases(text: Uint8Array): Phrases {
  const phrases = new Slices(text)
  const targetsOf = new Map<number, number[]>()
  const add = (source: number, target: number) => {
    const known = targetsOf.get(source)
    if (known) known.push(target)
    else targetsOf.set(source, [target])
  }
  if (text.subarray(0, 200_000).includes(tab)) readGrouped(text, phrases, add)
  else readTriples(text, phrases, add)
  return ordered(text, phrases, targetsOf)
}

type Add = (source: number, target: number) => void

/** `source TAB target TAB target …` */
function readGrouped(text: Uint8Array, phrases: Slices, add: Add): void {
  let source = -1
  for (let begin = 0; begin < text.length; ) {
    let end = begin
    while (end < text.length && text[end] !== tab && text[end] !== lineFeed) end++
    const phrase = phrases.add(begin, withoutReturn(text, begin, end))
    if (source < 0) source = phrase
    else add(source, phrase)
    if (text[end] === lineFeed) source = -1
    begin = end + 1
  }
}

/** Three lines a pair: a probability, the source, the target. */
function readTriples(text: Uint8Array, phrases: Slices, add: Add): void {
  let [line, source] = [0, -1]
  for (let begin = 0; begin < text.length; line++) {
    let end = text.indexOf(lineFeed, begin)
    if (end < 0) end = text.length
    const last = withoutReturn(text, begin, end)
    if (line % 3 === 1) source = phrases.add(begin, last)
    if (line % 3 === 2) add(source, phrases.add(begin, last))
    begin = end + 1
  }
  if (line % 3 !== 0) throw new CaptionError("METEOR's paraphrase table ends in the middle: copy the file again")
}

const withoutReturn = (text: Uint8Array, begin: number, end: number) =>
  end > begin && text[end - 1] === carriageReturn ? end - 1 : end

function ordered(text: Uint8Array, phrases: Slices, targetsOf: ReadonlyMap<number, readonly number[]>): Phrases {
  const words = new Slices(text)
  const wordsOf = phrases.map((begin, end) => splitWords(text, begin, end, words))
  const wordBytes = words.map((begin, end) => text.slice(begin, end))
  if (wordBytes.length > 0xffff)
    throw new CaptionError(`METEOR's paraphrase table has ${wordBytes.length} words: it is not the English one`)
  const wordOrder = orderOf(wordBytes.map((bytes) => String.fromCharCode(...bytes)))
  const wordRank = ranksOf(wordOrder)
  const keys = wordsOf.map((list) => String.fromCharCode(...list.map((word) => wordRank[word]!)))
  const order = orderOf(keys)
  const rank = ranksOf(order)
  return {
    words: wordOrder.map((word) => wordBytes[word]!),
    phrases: order.map((phrase) => keys[phrase]!),
    targets: order.map((phrase) =>
      Uint32Array.from(targetsOf.get(phrase) ?? [], (target) => rank[target]!).sort(),
    ),
  }
}

function splitWords(text: Uint8Array, begin: number, end: number, words: Slices): number[] {
  const found: number[] = []
  for (let from = begin; from <= end; ) {
    let to = from
    while (to < end && text[to] !== blank) to++
    found.push(words.add(from, to))
    from = to + 1
  }
  if (found.length <= longestPhrase) return found
  throw new CaptionError(`METEOR's paraphrase table has a phrase of ${found.length} words: it is not the English one`)
}

function orderOf(keys: readonly string[]): number[] {
  const order = Array.from(keys, (_, i) => i)
  return order.sort((a, b) => (keys[a]! < keys[b]! ? -1 : 1))
}

function ranksOf(order: readonly number[]): Uint32Array {
  const ranks = new Uint32Array(order.length)
  order.forEach((item, rank) => {
    ranks[item] = rank
  })
  return ranks
}

/** Distinct slices of a text, numbered as they come. */
class Slices {
  private readonly begins: number[] = []
  private readonly ends: number[] = []
  private table = new Int32Array(2 ** 16).fill(-1)

  constructor(private readonly text: Uint8Array) {}

  /** The number of a slice. */
  add(begin: number, end: number): number {
    const slot = this.slotOf(begin, end)
    if (this.table[slot]! >= 0) return this.table[slot]!
    this.begins.push(begin)
    const number = this.ends.push(end) - 1
    this.table[slot] = number
    if (this.ends.length * 2 > this.table.length) this.grow()
    return number
  }

  map<T>(make: (begin: number, end: number) => T): T[] {
    return this.begins.map((begin, i) => make(begin, this.ends[i]!))
  }

  private slotOf(begin: number, end: number): number {
    const mask = this.table.length - 1
    let hash = end - begin
    for (let i = begin; i < end; i++) hash = Math.imul(hash ^ this.text[i]!, 0x01000193)
    let slot = (hash ^ (hash >>> 15)) & mask
    while (this.table[slot]! >= 0 && !this.isSame(this.table[slot]!, begin, end)) slot = (slot + 1) & mask
    return slot
  }

  private isSame(number: number, begin: number, end: number): boolean {
    const from = this.begins[number]!
    if (this.ends[number]! - from !== end - begin) return false
    for (let i = 0; i < end - begin; i++) if (this.text[from + i] !== this.text[begin + i]) return false
    return true
  }

  private grow(): void {
    this.table = new Int32Array(this.table.length * 2).fill(-1)
    this.begins.forEach((begin, number) => {
      this.table[this.slotOf(begin, this.ends[number]!)] = number
    })
  }
}
