/** METEOR's resources in their compact form, looked up where they lie. */
import { CaptionError } from '../errors.js'
import { headBytes, magic, type Section, sections } from './layout.js'
import type { Prefix, Prefixes } from './normalise.js'

/** Words of a phrase of the paraphrase table at most. */
export const longestPhrase = 7

/** Suffixes of inflected words, and what stands there in their base forms; in the order in which they are tried. */
const inflections: readonly (readonly [suffix: string, ending: string])[] = [
  ...([
    ['s', ''],
    ['ses', 's'],
    ['xes', 'x'],
    ['zes', 'z'],
    ['ches', 'ch'],
    ['shes', 'sh'],
    ['men', 'man'],
  ] as const),
  ...([
    ['ies', 'y'],
    ['s', ''],
    ['ies', 'y'],
    ['es', 'e'],
    ['es', ''],
    ['ed', 'e'],
    ['ed', ''],
  ] as const),
  ...([
    ['ing', 'e'],
    ['ing', ''],
    ['er', ''],
    ['est', ''],
    ['er', 'e'],
    ['est', 'e'],
  ] as const),
]

export class MeteorTables {
  readonly functionWords: ReadonlySet<string>
  readonly prefixes: Prefixes
  private readonly words: SortedWords
  private readonly synonyms: SortedWords
  private readonly forms: SortedWords
  private readonly phraseWords: Uint16Array
  private readonly numbers: Readonly<Record<NumberSection, Uint32Array>>

  /** @throws {CaptionError} the bytes are not the whole of such tables */
  constructor(bytes: Uint8Array) {
    const parts = partsOf(bytes.byteOffset % 4 === 0 ? bytes : bytes.slice())
    const numbers = (name: Section) => numbersOf(parts[name])
    this.numbers = Object.fromEntries(
      numberSections.map((name) => [name, numbers(name)]),
    ) as typeof this.numbers
    this.words = new SortedWords(parts.words, numbers('wordStarts'))
    this.synonyms = new SortedWords(parts.synonymWords, numbers('synonymStarts'))
    this.forms = new SortedWords(parts.forms, numbers('formStarts'))
    const { buffer, byteOffset, length } = parts.phraseWords
    this.phraseWords = new Uint16Array(buffer, byteOffset, length / 2)
    const text = (name: Section) => new TextDecoder().decode(parts[name])
    this.functionWords = new Set(text('functionWords').split('\n'))
    this.prefixes = new Map(
      text('prefixes')
        .split('\n')
        .map((line) => line.split('\t') as [string, Prefix]),
    )
  }

  /** A word of the paraphrase table by its number, −1 where it isn't there. */
  wordId(word: string): number {
    return this.words.indexOf(word)
  }

  /** The phrases that begin with a word, from the first number to before the second one. */
  phrasesOf(word: number): readonly [low: number, high: number] {
    const { firstPhrases } = this.numbers
    return [firstPhrases[word]!, firstPhrases[word + 1]!]
  }

  /**
   * Those of some phrases that have a word at `place`.
   *
   * @param range of phrases that are longer than `place`, with the same words before it
   */
  phrasesWith(
    word: number,
    place: number,
    [low, high]: readonly [low: number, high: number],
  ): readonly [low: number, high: number] {
    const first = this.firstWithWord(low, high, place, word)
    return [first, this.endOfWord(first, high, place, word)]
  }

  /** In words. */
  phraseLength(phrase: number): number {
    const { phraseStarts } = this.numbers
    return phraseStarts[phrase + 1]! - phraseStarts[phrase]!
  }

  /** The first phrase of `low` … `high` − 1, alike but for their words from `place` on, whose word there is `word` or later. */
  private firstWithWord(low: number, high: number, place: number, word: number): number {
    const { phraseStarts } = this.numbers
    let [from, to] = [low, high]
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.phraseWords[phraseStarts[middle]! + place]! < word) from = middle + 1
      else to = middle
    }
    return from
  }

  /** Where the phrases with this word at `place` end, which begin at `low`: mostly they are few. */
  private endOfWord(low: number, high: number, place: number, word: number): number {
    const { phraseStarts } = this.numbers
    let step = 1
    while (low + step < high && this.phraseWords[phraseStarts[low + step]! + place]! === word) step *= 2
    return this.firstWithWord(low, Math.min(high, low + step), place, word + 1)
  }

  /** The phrases that a phrase stands for, ascending, are `targets` from one of these places to before the next. */
  get targetStarts(): Uint32Array {
    return this.numbers.targetStarts
  }

  get targets(): Uint32Array {
    return this.numbers.targets
  }

  /** Numbers of the synonym sets that a word or one of its base forms is in, each once. */
  synonymSets(word: string): readonly number[] {
    const { sets, setStarts } = this.numbers
    const found = new Set<number>()
    for (const entry of [this.synonyms.indexOf(word), ...this.baseEntries(word)]) {
      if (entry < 0) continue
      for (let i = setStarts[entry]!; i < setStarts[entry + 1]!; i++) found.add(sets[i]!)
    }
    return [...found]
  }

  private baseEntries(word: string): readonly number[] {
    const form = this.forms.indexOf(word)
    if (form >= 0) {
      const { bases, baseStarts } = this.numbers
      return [...bases.subarray(baseStarts[form], baseStarts[form + 1])]
    }
    if (word.endsWith('ss') || word.length <= 2) return []
    for (const [suffix, ending] of inflections) {
      if (!word.endsWith(suffix)) continue
      const entry = this.synonyms.indexOf(word.slice(0, -suffix.length) + ending)
      if (entry >= 0) return [entry]
    }
    return []
  }
}

const numberSections = [
  ...(['phraseStarts', 'firstPhrases', 'targets', 'targetStarts'] as const),
  ...(['sets', 'setStarts', 'bases', 'baseStarts'] as const),
]
type NumberSection = (typeof numberSections)[number]

const numbersOf = ({ buffer, byteOffset, length }: Uint8Array) =>
  new Uint32Array(buffer, byteOffset, length / 4)

function partsOf(bytes: Uint8Array): Readonly<Record<Section, Uint8Array>> {
  const head = bytes.length < headBytes ? new Uint32Array(2) : numbersOf(bytes.subarray(0, headBytes))
  if (head[0] !== magic || head[1] !== bytes.length)
    throw new CaptionError("METEOR's tables are not whole, or of another version: make them anew")
  const parts = sections.map((name, i) => {
    const offset = head[2 + 2 * i]!
    return [name, bytes.subarray(offset, offset + head[3 + 2 * i]!)] as const
  })
  return Object.fromEntries(parts) as Record<Section, Uint8Array>
}

const encoder = new TextEncoder()

/** Words in ascending byte order, one after the other. */
class SortedWords {
  constructor(
    private readonly bytes: Uint8Array,
    /** Where each begins, and the last ends. */
    private readonly starts: Uint32Array,
  ) {}

  /** −1 where it isn't there. */
  indexOf(word: string): number {
    const sought = encoder.encode(word)
    const count = this.starts.length - 1
    let [from, to] = [0, count]
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.compare(middle, sought) < 0) from = middle + 1
      else to = middle
    }
    return from < count && this.compare(from, sought) === 0 ? from : -1
  }

  private compare(index: number, sought: Uint8Array): number {
    const [begin, end] = [this.starts[index]!, this.starts[index + 1]!]
    const common = Math.min(end - begin, sought.length)
    for (let i = 0; i < common; i++) {
      const difference = this.bytes[begin + i]! - sought[i]!
      if (difference !== 0) return difference
    }
    return end - begin - sought.length
  }
}
