/** What in a hypothesis may stand for what in a reference. */
import type { Line, Span, Word } from './line.js'
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
  readonly referenceCoverage: Uint16Array
  readonly coverage: Uint16Array
}

export function findMatches(hypothesis: Line, reference: Line, tables: MeteorTables): Matches {
  const at: Match[][] = reference.words.map(() => [])
  const referenceCoverage = new Uint16Array(reference.words.length)
  const coverage = new Uint16Array(hypothesis.words.length)
  const add = (match: Match) => {
    at[match.referenceBegin]!.push(match)
    for (let k = 0; k < match.referenceLength; k++) referenceCoverage[match.referenceBegin + k]!++
    for (let k = 0; k < match.length; k++) coverage[match.begin + k]!++
  }
  const stages = isSame(hypothesis.words, reference.words) ? wordStages.slice(0, 1) : wordStages
  for (const [matcher, agree] of stages) addWords(hypothesis, reference, { matcher, agree, add })
  if (stages.length > 1) addParaphrases(hypothesis, reference, tables, add)
  return { at, referenceCoverage, coverage }
}

type Add = (match: Match) => void

const isSame = (a: readonly Word[], b: readonly Word[]) =>
  a.length === b.length && a.every((word, i) => word === b[i])

const wordStages: readonly (readonly [matcher: number, agree: (a: Word, b: Word) => boolean])[] = [
  [matchers.exact, (a, b) => a === b],
  [matchers.stem, (a, b) => a !== b && a.stem === b.stem],
  [matchers.synonym, (a, b) => a !== b && haveCommon(a.sets, b.sets)],
]

function addWords(
  { words }: Line,
  { words: wanted }: Line,
  { matcher, agree, add }: { matcher: number; agree: (a: Word, b: Word) => boolean; add: Add },
): void {
  for (let j = 0; j < wanted.length; j++)
    for (let i = 0; i < words.length; i++)
      if (agree(words[i]!, wanted[j]!))
        add({ referenceBegin: j, referenceLength: 1, begin: i, length: 1, matcher })
}

/** Whether two ascending lists have a number in common. */
function haveCommon(a: Uint32Array, b: Uint32Array): boolean {
  if (a.length === 0 || b.length === 0) return false
  let [i, k] = [0, 0]
  while (i < a.length && k < b.length) {
    const difference = a[i]! - b[k]!
    if (difference === 0) return true
    if (difference < 0) i++
    else k++
  }
  return false
}

/** By the table from the reference to the hypothesis, then from the hypothesis to the reference. */
function addParaphrases(hypothesis: Line, reference: Line, tables: MeteorTables, add: Add): void {
  eachParaphrase(reference, hypothesis, tables, (source, target) => add(paraphrase(source, target)))
  eachParaphrase(hypothesis, reference, tables, (source, target) => add(paraphrase(target, source)))
}

function eachParaphrase(
  from: Line,
  to: Line,
  tables: MeteorTables,
  found: (source: Span, target: Span) => void,
): void {
  for (const source of from.spans) {
    if (!tables.isSource(source.phrase)) continue
    for (const target of to.byPhrase)
      if (tables.isParaphrase(source.phrase, target.phrase)) found(source, target)
  }
}

const paraphrase = (inReference: Span, inHypothesis: Span): Match => ({
  referenceBegin: inReference.begin,
  referenceLength: inReference.length,
  begin: inHypothesis.begin,
  length: inHypothesis.length,
  matcher: matchers.paraphrase,
})
