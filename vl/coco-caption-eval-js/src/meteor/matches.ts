/** What in a hypothesis may stand for what in a reference. */
import { grown } from '../growing.js'
import type { Line, Span } from './line.js'
import type { MeteorTables } from './tables.js'
import type { Word } from './vocabulary.js'

const matchers = { exact: 0, stem: 1, synonym: 2, paraphrase: 3 } as const

export interface Match {
  /** First word and number of words in the reference. */
  readonly referenceBegin: number
  readonly referenceLength: number
  /** The same in the hypothesis. */
  readonly begin: number
  readonly length: number
  /** One of {@link matchers}. */
  readonly matcher: number
}

export interface Matches {
  /** By the word of the reference at which they begin; the order decides between equally good alignments. */
  readonly at: readonly (readonly Match[])[]
  /** How many matches each word is in. */
  readonly referenceCoverage: readonly number[]
  readonly coverage: readonly number[]
}

/** Hot: every word of a hypothesis meets every word of its references (`scripts/bench/captions.mjs`). */
export class MatchFinder {
  private readonly given = new WordSet()
  /** Words that have kin in the hypothesis. */
  private readonly related = new WordSet()
  private readonly sieve = new PhraseSieve()

  constructor(private readonly tables: MeteorTables) {}

  /** In each of some references, in their order. All lines have been read: words are told of their kin when read. */
  findAll(hypothesis: Line, references: readonly Line[]): Matches[] {
    this.given.clear()
    this.related.clear()
    for (const word of hypothesis.words) {
      if (this.given.has(word)) continue
      this.given.add(word)
      for (const kin of word.kin) this.related.add(kin.word)
    }
    return references.map((reference) => this.find(hypothesis, reference))
  }

  /** Equal lines are compared by equal words alone. */
  private find(hypothesis: Line, reference: Line): Matches {
    const at = reference.words.map((): Match[] => [])
    const compareAll = !isSame(hypothesis, reference)
    for (let j = 0; j < at.length; j++) {
      const wanted = reference.words[j]!
      if (this.given.has(wanted))
        addWords(at[j]!, j, { hypothesis, matcher: matchers.exact, fits: (word) => word === wanted })
      if (compareAll && this.related.has(wanted)) addKin(at[j]!, j, hypothesis, wanted)
    }
    if (compareAll) {
      this.eachParaphrase(reference, hypothesis, (source, target) =>
        at[source.begin]!.push(paraphrase(source, target)),
      )
      this.eachParaphrase(hypothesis, reference, (source, target) =>
        at[target.begin]!.push(paraphrase(target, source)),
      )
    }
    return { at, ...coverageOf(at, hypothesis.words.length) }
  }

  /** Phrases of a line that the table replaces by phrases of the other one. */
  private eachParaphrase(from: Line, to: Line, found: (source: Span, target: Span) => void): void {
    const { targets, targetStarts } = this.tables
    this.sieve.fill(to.spans)
    for (const source of from.spans) {
      const end = targetStarts[source.phrase + 1]!
      for (let k = targetStarts[source.phrase]!; k < end; k++) {
        if (!this.sieve.mayHold(targets[k]!)) continue
        for (const target of to.spans) if (target.phrase === targets[k]) found(source, target)
      }
    }
  }
}

const isSame = (a: Line, b: Line) =>
  a.words.length === b.words.length && a.words.every((word, i) => word === b.words[i])

/** Words with the same stem first, then synonyms. */
function addKin(at: Match[], j: number, hypothesis: Line, { kin }: Word): void {
  const find = (word: Word) => kin.find((each) => each.word === word)
  addWords(at, j, { hypothesis, matcher: matchers.stem, fits: (word) => find(word)?.sameStem === true })
  addWords(at, j, { hypothesis, matcher: matchers.synonym, fits: (word) => find(word)?.synonym === true })
}

interface WordMatcher {
  readonly hypothesis: Line
  readonly matcher: number
  readonly fits: (word: Word) => boolean
}

/** Matches of the reference's word at `referenceBegin`. */
function addWords(
  at: Match[],
  referenceBegin: number,
  { hypothesis: { words }, matcher, fits }: WordMatcher,
): void {
  for (let begin = 0; begin < words.length; begin++)
    if (fits(words[begin]!)) at.push({ referenceBegin, referenceLength: 1, begin, length: 1, matcher })
}

const paraphrase = (inReference: Span, inHypothesis: Span): Match => ({
  referenceBegin: inReference.begin,
  referenceLength: inReference.length,
  begin: inHypothesis.begin,
  length: inHypothesis.length,
  matcher: matchers.paraphrase,
})

function coverageOf(
  at: Matches['at'],
  hypothesisWords: number,
): Pick<Matches, 'coverage' | 'referenceCoverage'> {
  const referenceCoverage = new Array<number>(at.length).fill(0)
  const coverage = new Array<number>(hypothesisWords).fill(0)
  for (const list of at) {
    for (const { referenceBegin, referenceLength, begin, length } of list) {
      for (let k = 0; k < referenceLength; k++) referenceCoverage[referenceBegin + k]!++
      for (let k = 0; k < length; k++) coverage[begin + k]!++
    }
  }
  return { referenceCoverage, coverage }
}

/** Words, found by their numbers. */
class WordSet {
  private marks = new Int32Array(2 ** 10)
  private fillings = 0

  clear(): void {
    this.fillings++
  }

  add({ number }: Word): void {
    if (number >= this.marks.length) this.marks = grown(this.marks, 2 * number)
    this.marks[number] = this.fillings
  }

  has({ number }: Word): boolean {
    return this.marks[number] === this.fillings
  }
}

/** Tells of most phrases that they are not in a line without looking at the line. */
class PhraseSieve {
  private readonly marks = new Int32Array(2 ** 10)
  private fillings = 0

  fill(spans: readonly Span[]): void {
    this.fillings++
    for (const { phrase } of spans) this.marks[phrase % this.marks.length] = this.fillings
  }

  mayHold(phrase: number): boolean {
    return this.marks[phrase % this.marks.length] === this.fillings
  }
}
