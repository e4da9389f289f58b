/** What in a hypothesis may stand for what in a reference. */
import { alike, Likeness } from './likeness.js'
import type { Line, Span } from './line.js'
import type { MeteorTables } from './tables.js'

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

/** What the matchers of words ask of {@link Likeness}. */
const likenessBits = { [matchers.stem]: alike.stem, [matchers.synonym]: alike.synonym } as const

/** Hot: every word of a hypothesis meets every word of its references (`scripts/bench/captions.mjs`). */
export class MatchFinder {
  private readonly likeness = new Likeness()
  private readonly sieve = new PhraseSieve()

  constructor(private readonly tables: MeteorTables) {}

  /** Equal lines are compared by equal words alone. */
  find(hypothesis: Line, reference: Line): Matches {
    const at = reference.words.map((): Match[] => [])
    this.addEqual(hypothesis, reference, at)
    if (!isSame(hypothesis, reference)) {
      this.addAlike(hypothesis, reference, at)
      this.eachParaphrase(reference, hypothesis, (source, target) =>
        at[source.begin]!.push(paraphrase(source, target)),
      )
      this.eachParaphrase(hypothesis, reference, (source, target) =>
        at[target.begin]!.push(paraphrase(target, source)),
      )
    }
    return { at, ...coverageOf(at, hypothesis.words.length) }
  }

  private addEqual({ words }: Line, reference: Line, at: readonly Match[][]): void {
    reference.words.forEach((wanted, j) => {
      for (let i = 0; i < words.length; i++)
        if (words[i] === wanted) at[j]!.push(wordMatch(j, i, matchers.exact))
    })
  }

  /** Of a word in the reference those with the same stem first, then synonyms. */
  private addAlike({ words }: Line, reference: Line, at: readonly Match[][]): void {
    reference.words.forEach((wanted, j) => {
      let found = 0
      for (let i = 0; i < words.length; i++) found |= this.likeness.of(words[i]!, wanted)
      if (found === 0) return
      for (const matcher of [matchers.stem, matchers.synonym])
        for (let i = 0; i < words.length; i++)
          if (this.likeness.of(words[i]!, wanted) & likenessBits[matcher])
            at[j]!.push(wordMatch(j, i, matcher))
    })
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

const wordMatch = (referenceBegin: number, begin: number, matcher: number): Match => ({
  referenceBegin,
  referenceLength: 1,
  begin,
  length: 1,
  matcher,
})

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
