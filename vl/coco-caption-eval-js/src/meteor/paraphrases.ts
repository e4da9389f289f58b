/** The paraphrase table from its text of a hundred megabytes: phrases become numbers without becoming strings. */
import { CaptionError } from '../errors.js'
import { longestPhrase } from './tables.js'

export interface Phrases {
  /** UTF-8, in ascending byte order. */
  readonly words: readonly Uint8Array[]
  /** Numbers of the words of all phrases, which are in ascending order, and where each phrase begins. */
  readonly phraseWords: Uint16Array
  readonly phraseStarts: Uint32Array
  /** Numbers of the phrases that stand for each phrase, ascending, and where those of each begin. */
  readonly targets: Uint32Array
  readonly targetStarts: Uint32Array
}

const [tab, lineFeed, carriageReturn, blank] = [9, 10, 13, 32]

/** @throws {CaptionError} the text is not of one of the two forms */
export function readParaphrases(text: Uint8Array): Phrases {
  const phrases = new Slices(text)
  const pairs = new Pairs()
  if (text.subarray(0, 200_000).includes(tab)) readGrouped(text, phrases, pairs)
  else readTriples(text, phrases, pairs)
  return ordered(text, phrases, pairs)
}

/** `source TAB target TAB target …` */
function readGrouped(text: Uint8Array, phrases: Slices, pairs: Pairs): void {
  let source = -1
  for (let begin = 0; begin < text.length; ) {
    let end = begin
    while (end < text.length && text[end] !== tab && text[end] !== lineFeed) end++
    const phrase = phrases.add(begin, withoutReturn(text, begin, end))
    if (source < 0) source = phrase
    else pairs.add(source, phrase)
    if (text[end] === lineFeed) source = -1
    begin = end + 1
  }
}

/** Three lines a pair: a probability, the source, the target. */
function readTriples(text: Uint8Array, phrases: Slices, pairs: Pairs): void {
  let [line, source] = [0, -1]
  for (let begin = 0; begin < text.length; line++) {
    let end = text.indexOf(lineFeed, begin)
    if (end < 0) end = text.length
    const last = withoutReturn(text, begin, end)
    if (line % 3 === 1) source = phrases.add(begin, last)
    if (line % 3 === 2) pairs.add(source, phrases.add(begin, last))
    begin = end + 1
  }
  if (line % 3 !== 0)
    throw new CaptionError("METEOR's paraphrase table ends in the middle: copy the file again")
}

const withoutReturn = (text: Uint8Array, begin: number, end: number) =>
  end > begin && text[end - 1] === carriageReturn ? end - 1 : end

function ordered(text: Uint8Array, phrases: Slices, pairs: Pairs): Phrases {
  const words = new Slices(text)
  const starts = new Uint32Array(phrases.count + 1)
  const unordered = new Growing(Uint16Array)
  for (let phrase = 0; phrase < phrases.count; phrase++) {
    splitWords(text, phrases.begins.values[phrase]!, phrases.ends.values[phrase]!, (begin, end) =>
      unordered.push(words.add(begin, end)),
    )
    starts[phrase + 1] = unordered.length
  }
  if (words.count > mostWords)
    throw new CaptionError(`METEOR's paraphrase table has ${words.count} words: it is not the English one`)
  const wordBytes = Array.from({ length: words.count }, (_, word) =>
    text.slice(words.begins.values[word], words.ends.values[word]),
  )
  const wordOrder = orderOfWords(wordBytes)
  const wordRank = ranksOf(wordOrder)
  for (let i = 0; i < unordered.length; i++) unordered.values[i] = wordRank[unordered.values[i]!]!
  const order = orderOfPhrases(unordered.values, starts, words.count)
  return {
    words: Array.from(wordOrder, (word) => wordBytes[word]!),
    ...gathered(order, starts, unordered.values),
    ...targetsInOrder(order, pairs),
  }
}

/** Word numbers fit 16 bits, with one to spare for no word. */
const mostWords = 0xfffe

function splitWords(
  text: Uint8Array,
  begin: number,
  end: number,
  take: (begin: number, end: number) => void,
): void {
  let count = 0
  for (let from = begin; from <= end; count++) {
    let to = from
    while (to < end && text[to] !== blank) to++
    take(from, to)
    from = to + 1
  }
  if (count > longestPhrase)
    throw new CaptionError(
      `METEOR's paraphrase table has a phrase of ${count} words: it is not the English one`,
    )
}

/** Ascending byte order. */
function orderOfWords(words: readonly Uint8Array[]): Uint32Array {
  const keys = words.map((bytes) => String.fromCharCode(...bytes))
  return Uint32Array.from(keys.keys()).sort((a, b) => (keys[a]! < keys[b]! ? -1 : 1))
}

/** Ascending order by words, a phrase before those that go on after it: counting sorts from the last place to the first. */
function orderOfPhrases(words: Uint16Array, starts: Uint32Array, wordCount: number): Uint32Array {
  const count = starts.length - 1
  let [order, sorted] = [Uint32Array.from({ length: count }, (_, i) => i), new Uint32Array(count)]
  for (let place = longestPhrase - 1; place >= 0; place--) {
    const keyOf = (phrase: number) => {
      const at = starts[phrase]! + place
      return at < starts[phrase + 1]! ? words[at]! + 1 : 0
    }
    const begins = new Uint32Array(wordCount + 2)
    for (let phrase = 0; phrase < count; phrase++) begins[keyOf(phrase) + 1]!++
    for (let key = 0; key <= wordCount; key++) begins[key + 1]! += begins[key]!
    for (const phrase of order) sorted[begins[keyOf(phrase)]!++] = phrase
    ;[order, sorted] = [sorted, order]
  }
  return order
}

function gathered(order: Uint32Array, starts: Uint32Array, words: Uint16Array) {
  const phraseStarts = new Uint32Array(order.length + 1)
  const phraseWords = new Uint16Array(starts.at(-1)!)
  order.forEach((phrase, i) => {
    const list = words.subarray(starts[phrase], starts[phrase + 1])
    phraseWords.set(list, phraseStarts[i])
    phraseStarts[i + 1] = phraseStarts[i]! + list.length
  })
  return { phraseStarts, phraseWords }
}

function targetsInOrder(order: Uint32Array, { sources, begins, targets }: Pairs) {
  const rank = ranksOf(order)
  const blockOf = new Int32Array(order.length).fill(-1)
  for (let block = 0; block < sources.length; block++) blockOf[sources.values[block]!] = block
  const targetStarts = new Uint32Array(order.length + 1)
  const ranked = new Uint32Array(targets.length)
  order.forEach((phrase, i) => {
    const block = blockOf[phrase]!
    const end = block + 1 < begins.length ? begins.values[block + 1]! : targets.length
    const list =
      block < 0 ? targets.values.subarray(0, 0) : targets.values.subarray(begins.values[block], end)
    const place = ranked.subarray(targetStarts[i], targetStarts[i]! + list.length)
    for (let k = 0; k < list.length; k++) place[k] = rank[list[k]!]!
    place.sort()
    targetStarts[i + 1] = targetStarts[i]! + list.length
  })
  return { targetStarts, targets: ranked }
}

function ranksOf(order: Uint32Array): Uint32Array {
  const ranks = new Uint32Array(order.length)
  order.forEach((item, rank) => {
    ranks[item] = rank
  })
  return ranks
}

type Numbers = Uint16Array | Uint32Array

/** A typed array that numbers are appended to. */
class Growing<T extends Numbers> {
  values: T
  length = 0

  constructor(private readonly type: new (length: number) => T) {
    this.values = new type(2 ** 12)
  }

  push(value: number): void {
    if (this.length === this.values.length) {
      const larger = new this.type(this.length * 2)
      larger.set(this.values)
      this.values = larger
    }
    this.values[this.length++] = value
  }
}

/** Targets of one source after the other. */
class Pairs {
  readonly sources = new Growing(Uint32Array)
  /** Where the targets of each source begin. */
  readonly begins = new Growing(Uint32Array)
  readonly targets = new Growing(Uint32Array)

  add(source: number, target: number): void {
    if (this.sources.length === 0 || this.sources.values[this.sources.length - 1] !== source) {
      this.sources.push(source)
      this.begins.push(this.targets.length)
    }
    this.targets.push(target)
  }
}

/** Distinct slices of a text, numbered as they come. */
class Slices {
  readonly begins = new Growing(Uint32Array)
  readonly ends = new Growing(Uint32Array)
  private table = new Int32Array(2 ** 16).fill(-1)

  constructor(private readonly text: Uint8Array) {}

  get count(): number {
    return this.ends.length
  }

  /** The number of a slice. */
  add(begin: number, end: number): number {
    const slot = this.slotOf(begin, end)
    if (this.table[slot]! >= 0) return this.table[slot]!
    this.table[slot] = this.count
    this.begins.push(begin)
    this.ends.push(end)
    if (this.count * 2 > this.table.length) this.grow()
    return this.count - 1
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
    const from = this.begins.values[number]!
    if (this.ends.values[number]! - from !== end - begin) return false
    for (let i = 0; i < end - begin; i++) if (this.text[from + i] !== this.text[begin + i]) return false
    return true
  }

  private grow(): void {
    this.table = new Int32Array(this.table.length * 2).fill(-1)
    for (let number = 0; number < this.count; number++)
      this.table[this.slotOf(this.begins.values[number]!, this.ends.values[number]!)] = number
  }
}
