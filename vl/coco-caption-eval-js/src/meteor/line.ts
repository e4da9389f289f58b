/** Lines as METEOR compares them: words with all that is looked up of each, once. */
import { meteorWords } from './normalise.js'
import { PhraseTree } from './phraseTree.js'
import { stem } from './stem.js'
import type { MeteorTables } from './tables.js'

export interface Word {
  /** In the order in which words are first read. */
  readonly number: number
  readonly stem: string
  /** Numbers of synonym sets, ascending. */
  readonly sets: Uint32Array
  readonly isFunction: boolean
  /** In the paraphrase table; −1 where it isn't there. */
  readonly id: number
}

/** A phrase of the paraphrase table that stands in a line. */
export interface Span {
  readonly phrase: number
  /** In words. */
  readonly begin: number
  readonly length: number
}

export interface Line {
  /** Equal words are the same object. */
  readonly words: readonly Word[]
  /** By begin and length. */
  readonly spans: readonly Span[]
  readonly functionWords: number
}

/** Reads lines; what is known of a word is kept. */
export class LineReader {
  private readonly known = new Map<string, Word>()
  private readonly phrases: PhraseTree

  constructor(private readonly tables: MeteorTables) {
    this.phrases = new PhraseTree(tables)
  }

  read(text: string): Line {
    const words = meteorWords(text, this.tables.prefixes).map((word) => this.wordOf(word))
    const ids = words.map(({ id }) => id)
    const spans: Span[] = []
    let functionWords = 0
    for (let begin = 0; begin < ids.length; begin++) {
      this.phrases.phrasesAt(ids, begin, (phrase, length) => spans.push({ phrase, begin, length }))
      if (words[begin]!.isFunction) functionWords++
    }
    return { words, spans, functionWords }
  }

  private wordOf(text: string): Word {
    const known = this.known.get(text)
    if (known) return known
    const word = {
      number: this.known.size,
      stem: stem(text),
      sets: this.tables.synonymSets(text),
      isFunction: this.tables.functionWords.has(text),
      id: this.tables.wordId(text),
    }
    this.known.set(text, word)
    return word
  }
}
