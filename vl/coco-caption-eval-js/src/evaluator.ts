/** The evaluation of captions as a whole: tokens first, then every metric on the same tokens. */
import { bleu } from './bleu.js'
import { cider } from './cider.js'
import { countCorpus } from './counted.js'
import { CaptionError } from './errors.js'
import { meteor } from './meteor/meteor.js'
import type { MeteorTables } from './meteor/tables.js'
import { rougeL } from './rouge.js'
import type { Score, Scored } from './scores.js'
import { type Tokenization, type Tokenized, tokenize } from './tokenize.js'

/** As JSON has it: 1 and "1" are two images. */
export type ImageId = number | string

export const metrics = ['BLEU', 'METEOR', 'ROUGE_L', 'CIDEr'] as const
export type Metric = (typeof metrics)[number]

export const scoreNames = [
  'Bleu_1',
  'Bleu_2',
  'Bleu_3',
  'Bleu_4',
  'METEOR',
  'ROUGE_L',
  'CIDEr',
  'SPICE',
] as const
export type ScoreName = (typeof scoreNames)[number]

export interface EvaluationOptions {
  /** Default: `official`, the COCO evaluation's. */
  readonly tokenization?: Tokenization
  /** Default: all, METEOR where its tables are given. */
  readonly metrics?: readonly Metric[]
  /** METEOR's resources, in their compact form. */
  readonly meteor?: MeteorTables
  /**
   * References of every image of the corpus that tells CIDEr which words are rare; default: those of the evaluated
   * images, as in the COCO evaluation.
   */
  readonly corpus?: readonly (readonly string[])[]
  readonly onProgress?: (what: string, done: number, total: number) => void
}

export interface TokenizedImage {
  readonly imageId: ImageId
  readonly hypothesis: string
  readonly references: readonly string[]
}

export interface Evaluation {
  /** `null`: not computed. SPICE never is, it needs a trained parser of its own. */
  readonly overall: Readonly<Record<ScoreName, number | null>>
  readonly images: readonly ImageId[]
  /** In the order of `images`. */
  readonly perImage: Readonly<Record<ScoreName, readonly number[] | null>>
  readonly tokenized: readonly TokenizedImage[]
  /** What is odd about the captions, a sentence each. */
  readonly notes: readonly string[]
}

interface Given {
  readonly hypothesis: string
  readonly references: readonly string[]
}

/** Gathers captions image by image; the order of images is that in which they come. */
export class CaptionEvaluator {
  private readonly given = new Map<ImageId, Given>()

  /** @throws {CaptionError} METEOR is asked for without its tables */
  constructor(private readonly options: EvaluationOptions = {}) {
    if (options.metrics?.includes('METEOR') && !options.meteor)
      throw new CaptionError('METEOR needs its tables: give them as `meteor`, or leave it out of `metrics`')
  }

  /** @throws {CaptionError} the image has been added before, has no reference, or something is no text */
  add(imageId: ImageId, hypothesis: string, references: readonly string[]): void {
    const image = JSON.stringify(imageId)
    if (typeof imageId !== 'number' && typeof imageId !== 'string')
      throw new CaptionError(`image ${image}: its id is neither a number nor a text`)
    if (this.given.has(imageId)) throw new CaptionError(`image ${image} is added twice: add each image once`)
    if (typeof hypothesis !== 'string') throw new CaptionError(`image ${image}: its caption is not a text`)
    if (!Array.isArray(references) || references.some((reference) => typeof reference !== 'string'))
      throw new CaptionError(`image ${image}: its references are not a list of texts`)
    if (references.length === 0) throw new CaptionError(`image ${image} has no reference: add it with one`)
    this.given.set(imageId, { hypothesis, references: [...references] })
  }

  /** @throws {CaptionError} no image was added */
  result(): Evaluation {
    if (this.given.size === 0) throw new CaptionError('there is nothing to evaluate: add an image')
    return evaluate(this.given, this.options)
  }
}

function evaluate(given: ReadonlyMap<ImageId, Given>, options: EvaluationOptions): Evaluation {
  const { images, notes } = tokenizeImages(given, options)
  const scores = scoreImages(images, options)
  const named = <T>(pick: (score: Score) => T) =>
    Object.fromEntries(scoreNames.map((name) => [name, scores[name] ? pick(scores[name]) : null])) as Record<
      ScoreName,
      T | null
    >
  return {
    overall: named(({ overall }) => overall),
    images: [...given.keys()],
    perImage: named(({ perImage }) => perImage),
    tokenized: images,
    notes,
  }
}

function scoreImages(
  images: readonly Scored[],
  options: EvaluationOptions,
): Readonly<Partial<Record<ScoreName, Score>>> {
  const { metrics: wanted = metrics, meteor: tables, onProgress = () => {} } = options
  const scores: Partial<Record<ScoreName, Score>> = {}
  if (wanted.includes('BLEU') || wanted.includes('CIDEr')) {
    onProgress('counting n-grams', 0, images.length)
    const corpus = countCorpus(images, backgroundOf(options))
    if (wanted.includes('BLEU')) {
      for (const [n, score] of bleu(corpus).entries()) scores[`Bleu_${n + 1}` as ScoreName] = score
    }
    if (wanted.includes('CIDEr')) scores.CIDEr = cider(corpus)
  }
  if (wanted.includes('METEOR') && tables)
    scores.METEOR = meteor(images, tables, (done) => onProgress('METEOR', done, images.length))
  if (wanted.includes('ROUGE_L')) scores.ROUGE_L = rougeL(images)
  return scores
}

function backgroundOf({
  corpus,
  tokenization,
}: EvaluationOptions): readonly (readonly string[])[] | undefined {
  if (!corpus) return undefined
  const lines = tokenize(corpus.flat(), tokenization).captions
  return regroup(corpus, lines)
}

/** Lines in groups as large as these. */
function regroup(groups: readonly (readonly unknown[])[], lines: readonly string[]): string[][] {
  let begin = 0
  return groups.map(({ length }) => {
    begin += length
    return lines.slice(begin - length, begin)
  })
}

interface TokenizedImages {
  readonly images: readonly (Scored & TokenizedImage)[]
  readonly notes: readonly string[]
}

/** All references in one call of the tokenizer, then all hypotheses in another. */
function tokenizeImages(
  given: ReadonlyMap<ImageId, Given>,
  { tokenization, onProgress }: EvaluationOptions,
): TokenizedImages {
  const groups = [...given.values()].map(({ references }) => references)
  const captions = [...given.values()].map(({ hypothesis }) => hypothesis)
  const total = groups.reduce((sum, { length }) => sum + length, captions.length)
  onProgress?.('tokenizing captions', 0, total)
  const references = tokenize(groups.flat(), tokenization)
  const hypotheses = tokenize(captions, tokenization)
  onProgress?.('tokenizing captions', total, total)
  const grouped = regroup(groups, references.captions)
  const images = [...given.keys()].map((imageId, i) => ({
    imageId,
    hypothesis: hypotheses.captions[i]!,
    references: grouped[i]!,
  }))
  return {
    images,
    notes: [
      ...shifted('references', references, groups.flat().length),
      ...shifted('captions', hypotheses, captions.length),
    ],
  }
}

function shifted(what: string, { lines }: Tokenized, captions: number): string[] {
  if (lines === captions) return []
  return [
    `${captions} ${what} make ${lines} lines: a line separator inside one shifts those after it, as in the ` +
      'official evaluation (tokenize each caption alone to avoid it)',
  ]
}
