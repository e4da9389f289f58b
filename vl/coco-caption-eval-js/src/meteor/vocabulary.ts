/** Words with all that is looked up of each, once, and how those that texts have are alike. */
import { stem } from './stem.js'
import type { MeteorTables } from './tables.js'
import { WordNumbers } from './wordNumbers.js'

export interface Word {
  /** In the order in which words are first read. */
  readonly number: number
  readonly isFunction: boolean
  /** In the paraphrase table; −1 where it isn't there. */
  readonly id: number
  /** Other words that have been read; new ones are added. */
  readonly kin: readonly Kin[]
}

/** Another word that has the same stem, a synonym set in common, or both. */
export interface Kin {
  readonly word: Word
  readonly sameStem: boolean
  readonly synonym: boolean
}

interface Entry extends Word {
  readonly kin: Kin[]
}

export class Vocabulary {
  private readonly numbers = new WordNumbers()
  private readonly words: Word[] = []
  private readonly byStem = new Map<string, Entry[]>()
  /** By the numbers of synonym sets. */
  private readonly bySet = new Map<number, Entry[]>()

  constructor(private readonly tables: MeteorTables) {}

  /** The word from `begin` to before `end`; equal ones are the same object. */
  wordAt(line: string, begin: number, end: number): Word {
    const number = this.numbers.numberOf(line, begin, end)
    return this.words[number] ?? this.add(line.slice(begin, end))
  }

  private add(text: string): Word {
    const word: Entry = {
      number: this.words.length,
      isFunction: this.tables.functionWords.has(text),
      id: this.tables.wordId(text),
      kin: [],
    }
    this.words.push(word)
    const sameStem = new Set(enter(this.byStem, stem(text), word))
    const synonyms = new Set(this.tables.synonymSets(text).flatMap((set) => enter(this.bySet, set, word)))
    for (const other of new Set([...sameStem, ...synonyms])) {
      const how = { sameStem: sameStem.has(other), synonym: synonyms.has(other) }
      word.kin.push({ word: other, ...how })
      other.kin.push({ word, ...how })
    }
    return word
  }
}

/** Adds a word to those with a key. @returns those that were there */
function enter<Key>(words: Map<Key, Entry[]>, key: Key, word: Entry): readonly Entry[] {
  const there = words.get(key)
  if (!there) {
    words.set(key, [word])
    return []
  }
  return there.slice(0, there.push(word) - 1)
}
