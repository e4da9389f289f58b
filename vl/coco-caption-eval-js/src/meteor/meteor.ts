/** METEOR 1.5 (Denkowski and Lavie 2014) for English, with the parameters that the COCO evaluation calls it with. */
import type { Score, Scored } from '../scores.js'
import { Beam } from './beam.js'
import { Ceiling } from './ceiling.js'
import { type Line, LineReader } from './line.js'
import { type Match, type Matches, MatchFinder } from './matches.js'
import { trim } from './normalise.js'
import { addStatistics, countStatistics, type Statistics, scoreOf, statisticsLength } from './statistics.js'
import type { MeteorTables } from './tables.js'

export interface Segment {
  readonly statistics: Statistics
  readonly score: number
  /** Which reference it is compared with: the first of the best ones. */
  readonly reference: number
  readonly alignment: readonly Match[]
}

/** Compares hypotheses with references; what it has looked up of a word it keeps. */
export class Meteor {
  private readonly reader: LineReader
  private readonly finder: MatchFinder
  private readonly ceiling = new Ceiling()
  private readonly beam = new Beam()

  constructor(tables: MeteorTables) {
    this.reader = new LineReader(tables)
    this.finder = new MatchFinder(tables)
  }

  /** @param references one at least; `|||` in one makes two of it */
  segment({ hypothesis, references }: Scored): Segment {
    const line = this.reader.read(trim(hypothesis.replaceAll('|||', '').replaceAll('  ', ' ')))
    const lines = references
      .flatMap((reference) => reference.split('|||'))
      .map((text) => this.reader.read(trim(text)))
    const pairs = this.finder
      .findAll(line, lines)
      .map((matches, index): Pair => {
        const reference = lines[index]!
        return { reference, index, matches, ceiling: this.ceiling.of(line, reference, matches) }
      })
      .sort((a, b) => b.ceiling - a.ceiling)
    let best: Segment | undefined
    for (const pair of pairs) {
      if (best && pair.ceiling < best.score - rounding) break
      const segment = this.align(line, pair)
      if (!best || isBetter(segment, best)) best = segment
    }
    return best!
  }

  private align(hypothesis: Line, { reference, index, matches }: Pair): Segment {
    const alignment = this.beam.search(matches)
    const statistics = countStatistics(hypothesis, reference, alignment)
    return { statistics, score: scoreOf(statistics), reference: index, alignment }
  }
}

/** A reference before its alignment is searched. */
interface Pair {
  readonly reference: Line
  readonly index: number
  readonly matches: Matches
  readonly ceiling: number
}

/** More than a score and its ceiling differ by the order of their sums. */
const rounding = 1e-9

/** Of equally good ones the reference that stands first. */
const isBetter = (a: Segment, b: Segment) =>
  a.score > b.score || (a.score === b.score && a.reference < b.reference)

/** The score of a corpus: that of the statistics' sums, not the mean of its segments' scores. */
export function corpusScore(segments: readonly Statistics[]): number {
  const sum = new Array<number>(statisticsLength).fill(0)
  for (const segment of segments) addStatistics(sum, segment)
  return scoreOf(sum)
}

/** @param onProgress called now and then with the number of images that are done */
export function meteor(
  images: readonly Scored[],
  tables: MeteorTables,
  onProgress: (done: number) => void = () => {},
): Score {
  const compared = new Meteor(tables)
  const segments = images.map((image, i) => {
    if (i % 100 === 0) onProgress(i)
    const { statistics, score } = compared.segment(image)
    return { statistics, score }
  })
  return {
    overall: corpusScore(segments.map(({ statistics }) => statistics)),
    perImage: segments.map(({ score }) => score),
  }
}
