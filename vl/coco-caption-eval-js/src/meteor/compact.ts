/** METEOR's resources, as they are distributed, made into the compact form that is looked up by position. */
import { CaptionError } from '../errors.js'
import { aligned, headBytes, magic, type Section, sections } from './layout.js'
import { type Phrases, readParaphrases } from './paraphrases.js'

/** Texts in UTF-8. */
export interface MeteorSources {
  /** A line a source phrase with its targets behind tabs, or three lines a pair as METEOR 1.5 has it. */
  readonly paraphrases: Uint8Array
  /** Two lines a word: it, and the numbers of its synonym sets. */
  readonly synsets: Uint8Array
  /** Two lines a base form: it, and its irregular forms. */
  readonly exceptions: Uint8Array
  /** A word a line. */
  readonly functionWords: Uint8Array
  /** A prefix a line; those that count only before a number are marked behind it. */
  readonly prefixes: Uint8Array
}

/** @throws {CaptionError} a text is not of its form */
export function compactMeteor(sources: MeteorSources): Uint8Array {
  return assemble({
    ...paraphraseSections(readParaphrases(sources.paraphrases)),
    ...synonymSections(linesOf(sources.synsets), linesOf(sources.exceptions)),
    functionWords: encoder.encode(linesOf(sources.functionWords).join('\n')),
    prefixes: encoder.encode(readPrefixes(linesOf(sources.prefixes))),
  })
}

const encoder = new TextEncoder()

function linesOf(text: Uint8Array): string[] {
  const lines = new TextDecoder().decode(text).split(/\r?\n/)
  return lines.filter((line) => line !== '')
}

function readPrefixes(lines: readonly string[]): string {
  const entries = lines.flatMap((line) => {
    if (line.startsWith('#')) return []
    const [prefix, mark] = line.split(/\s+/)
    return [`${prefix}\t${/numeric/i.test(mark ?? '') ? 'numeric' : 'any'}`]
  })
  return entries.join('\n')
}

type Content = Readonly<Record<Section, Uint8Array>>

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint16Array | Uint32Array) =>
  new Uint8Array(buffer, byteOffset, byteLength)

function paraphraseSections({ words, phraseWords, phraseStarts, targets, targetStarts }: Phrases) {
  const phrases = phraseStarts.length - 1
  const firstPhrases = new Uint32Array(words.length + 1).fill(phrases)
  for (let i = phrases - 1; i >= 0; i--) firstPhrases[phraseWords[phraseStarts[i]!]!] = i
  for (let word = words.length - 1; word >= 0; word--)
    firstPhrases[word] = Math.min(firstPhrases[word]!, firstPhrases[word + 1]!)
  const [bytes, starts] = packWords(words)
  return {
    ...{ words: bytes, wordStarts: bytesOf(starts) },
    ...{ phraseWords: bytesOf(phraseWords), phraseStarts: bytesOf(phraseStarts) },
    firstPhrases: bytesOf(firstPhrases),
    ...{ targets: bytesOf(targets), targetStarts: bytesOf(targetStarts) },
  }
}

/** Where each list begins among all of them, and the last ends. */
function startsOf(lists: readonly { readonly length: number }[]): Uint32Array {
  const starts = new Uint32Array(lists.length + 1)
  lists.forEach(({ length }, i) => {
    starts[i + 1] = starts[i]! + length
  })
  return starts
}

/** @param words in ascending byte order */
function packWords(words: readonly Uint8Array[]): readonly [bytes: Uint8Array, starts: Uint32Array] {
  const starts = startsOf(words)
  const bytes = new Uint8Array(starts.at(-1)!)
  words.forEach((word, i) => {
    bytes.set(word, starts[i])
  })
  return [bytes, starts]
}

/** Keys and the numbers of each, in ascending byte order of the keys. */
function packLists(lists: ReadonlyMap<string, readonly number[]>) {
  const keys = [...lists.keys()].sort() // ASCII: code units and bytes have one order
  const [bytes, starts] = packWords(keys.map((key) => encoder.encode(key)))
  const values = keys.map((key) => lists.get(key)!)
  return {
    ...{ keys, bytes, starts: bytesOf(starts) },
    numbers: bytesOf(Uint32Array.from(values.flat())),
    numberStarts: bytesOf(startsOf(values)),
  }
}

function synonymSections(synsets: readonly string[], exceptions: readonly string[]) {
  const sets = packLists(new Map(pairsOf(synsets).map(([word, rest]) => [word, rest.map(Number)])))
  const entryOf = new Map(sets.keys.map((word, i) => [word, i]))
  const basesOf = new Map<string, number[]>()
  for (const [base, forms] of pairsOf(exceptions)) {
    for (const form of forms) {
      const bases = basesOf.get(form) ?? []
      basesOf.set(form, bases)
      if (entryOf.has(base)) bases.push(entryOf.get(base)!)
    }
  }
  const bases = packLists(basesOf)
  return {
    ...{
      synonymWords: sets.bytes,
      synonymStarts: sets.starts,
      sets: sets.numbers,
      setStarts: sets.numberStarts,
    },
    ...{ forms: bases.bytes, formStarts: bases.starts, bases: bases.numbers, baseStarts: bases.numberStarts },
  }
}

/** Two lines each: a word, and words about it. */
function pairsOf(lines: readonly string[]): (readonly [string, readonly string[]])[] {
  if (lines.length % 2 !== 0)
    throw new CaptionError("METEOR's synonyms end in the middle: copy their files again")
  return Array.from({ length: lines.length / 2 }, (_, i) => [
    lines[2 * i]!,
    lines[2 * i + 1]!.trim().split(/\s+/),
  ])
}

function assemble(content: Content): Uint8Array {
  const offsets: number[] = []
  let end = headBytes
  for (const name of sections) {
    offsets.push(end)
    end = aligned(end + content[name].length)
  }
  const bytes = new Uint8Array(end)
  const places = sections.flatMap((name, i) => [offsets[i]!, content[name].length])
  bytes.set(bytesOf(Uint32Array.from([magic, end, ...places])))
  sections.forEach((name, i) => {
    bytes.set(content[name], offsets[i])
  })
  return bytes
}
