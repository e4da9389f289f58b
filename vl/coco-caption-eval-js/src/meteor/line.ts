/** Lines as METEOR compares them. */
import { eachWord } from '../whiteSpace.js'
import { meteorText } from './normalise.js'
import { PhraseTree } from './phraseTree.js'
import type { MeteorTables } from './tables.js'
import { Vocabulary, type Word } from './vocabulary.js'

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

/** Reads lines; what is known of words and phrases is kept. */
export class LineReader {
  private readonly vocabulary: Vocabulary
  private readonly phrases: PhraseTree

  constructor(private readonly tables: MeteorTables) {
    this.vocabulary = new Vocabulary(tables)
    this.phrases = new PhraseTree(tables)
  }

  read(text: string): Line {
    const line = meteorText(text, this.tables.prefixes)
    const words: Word[] = []
    eachWord(line, (begin, end) => words.push(this.vocabulary.wordAt(line, begin, end)))
    const ids = words.map(({ id }) => id)
    const spans: Span[] = []
    let functionWords = 0
    for (let begin = 0; begin < ids.length; begin++) {
      this.phrases.phrasesAt(ids, begin, (phrase, length) => spans.push({ phrase, begin, length }))
      if (words[begin]!.isFunction) functionWords++
    }
    return { words, spans, functionWords }
  }
}
