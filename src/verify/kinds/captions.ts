/** Cases of the COCO caption evaluation, by `task`. */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import {
  bleu,
  CaptionError,
  CaptionEvaluator,
  cider,
  cocoImages,
  corpusScore,
  countCorpus,
  type Evaluation,
  evaluateLists,
  imageChoices,
  lex,
  lineEnd,
  Meteor,
  type MeteorTables,
  normalise,
  type Refusal,
  rougeL,
  type Score,
  stem,
  tokenize,
} from 'coco-caption-eval-js'
import { meteorHelp, openMeteor } from 'coco-caption-eval-js/node'
import { z } from 'zod'
import { UserError } from '../../base/index.js'
import { cacheFolder } from '../../files/index.js'
import { meteorFolder } from '../../metrics/index.js'
import type { RecordedCase } from '../case.js'
import type { Check, VerifyContext } from '../kind.js'

type Compute = (recorded: RecordedCase, context: VerifyContext) => readonly Check[]

/** What each task is checked by. A new one is one line. */
export const captionTasks: Readonly<Record<string, Compute>> = {
  'ptb-tokenize': checkLexer,
  'caption-tokenize': checkTokenizer,
  'snowball-english-stem': checkStems,
  'meteor-normalize': checkNormaliser,
  meteor: checkSegments,
  'bleu-rouge-cider': checkGrams,
  'caption-list': checkLists,
  caption: checkPipeline,
}

/** The text of a file of the case, unpacked. */
function readText({ folder, json: { files } }: RecordedCase, key: string): string {
  const name = files[key]
  if (name === undefined || !existsSync(join(folder, name)))
    throw new UserError(`${folder}: its file "${key}" is missing: copy the case again`)
  const bytes = readFileSync(join(folder, name))
  return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
}

function readRows<T>(recorded: RecordedCase, schema: z.ZodType<T>): T[] {
  const lines = readText(recorded, 'cases').split('\n')
  return lines.filter((line) => line !== '').map((line) => schema.parse(JSON.parse(line)))
}

const lexed = z.object({ text: z.string(), tokens: z.array(z.string()) })

function checkLexer(recorded: RecordedCase): Check[] {
  return readRows(recorded, lexed).map(({ text, tokens }, i) => {
    const got: string[] = []
    lex(text, (token) => got.push(token === lineEnd ? '*NL*' : token.toLowerCase()))
    return { name: `cases.${i}.tokens`, want: tokens, got }
  })
}

const imageId = z.union([z.number(), z.string()])
const grouped = z.array(z.tuple([imageId, z.array(z.string())]))
const batch = z.object({ captions: grouped, tokenized: grouped })

function checkTokenizer(recorded: RecordedCase): Check[] {
  return readRows(recorded, batch).map(({ captions, tokenized }, i) => {
    const { captions: lines } = tokenize(captions.flatMap(([, texts]) => texts))
    let begin = 0
    const got = captions.map(([id, texts]) => {
      begin += texts.length
      return [id, lines.slice(begin - texts.length, begin)] as const
    })
    const left = got.filter(([, texts]) => texts.length > 0) // the last lines may be lost
    return { name: `cases.${i}.tokenized`, want: tokenized, got: left }
  })
}

function checkStems(recorded: RecordedCase): Check[] {
  const lines = readText(recorded, 'cases').split('\n')
  return lines
    .filter((line) => line !== '')
    .map((line, i) => {
      const [word, want] = line.split('\t')
      return { name: `cases.${i}`, want, got: stem(word!) }
    })
}

function checkNormaliser(recorded: RecordedCase, context: VerifyContext): Check[] {
  const { prefixes } = meteorTables(recorded, context)
  const rows = readRows(recorded, z.object({ in: z.string(), out: z.string() }))
  return rows.map(({ in: text, out }, i) => ({
    ...{ name: `cases.${i}.out`, want: out },
    got: normalise(text, prefixes),
  }))
}

/** METEOR's data: where the user has it, or beside the recorded cases. */
function meteorTables({ folder }: RecordedCase, { cache = cacheFolder() }: VerifyContext): MeteorTables {
  const beside = resolve(folder, '..', '..', '..', 'data', 'meteor')
  const found = meteorFolder(cache) ?? (existsSync(beside) ? beside : undefined)
  if (found) return openMeteor({ folder: found, cache })
  throw new UserError(`${meteorHelp} VL_LST_METEOR_DATA`)
}

const segment = z.object({
  hyp: z.string(),
  refs: z.array(z.string()),
  stats: z.array(z.number()),
  score: z.number(),
  ref: z.number(),
  matches: z.array(z.array(z.number())),
})

const corpora = z.array(
  z.object({
    score: z.number(),
    from: z.number().optional(),
    to: z.number().optional(),
    rows: z.array(z.number()).optional(),
  }),
)

function checkSegments(recorded: RecordedCase, context: VerifyContext): Check[] {
  const meteor = new Meteor(meteorTables(recorded, context))
  const rows = readRows(recorded, segment)
  const segments = rows.map(({ hyp, refs }) => meteor.segment({ hypothesis: hyp, references: refs }))
  const statistics = segments.map((each) => each.statistics)
  return [
    ...rows.flatMap(({ stats, score, ref, matches }, i) => {
      const found = segments[i]!
      const alignment = found.alignment.map((match) => [
        ...[match.referenceBegin, match.referenceLength, match.begin, match.length, match.matcher],
      ])
      const name = `cases.${i}`
      return [
        {
          name: `${name}.counts`,
          want: { stats, ref, matches },
          tolerance: equal,
          got: { stats: [...found.statistics], ref: found.reference, matches: alignment },
        },
        { name: `${name}.score`, want: score, got: found.score },
      ]
    }),
    ...corpora.parse(recorded.json.corpora).map(({ score, from, to, rows: chosen }, i) => {
      const some = chosen ? chosen.map((row) => statistics[row]!) : statistics.slice(from, to)
      return { name: `corpora.${i}.score`, want: score, got: corpusScore(some) }
    }),
  ]
}

const equal = { rtol: 0, atol: 0 }

const numbers = z.array(z.number())
const corpus = z.object({
  refs: grouped,
  hyps: z.array(z.tuple([imageId, z.string()])),
  Bleu: numbers,
  BleuPer: z.array(numbers),
  ROUGE_L: z.number(),
  ROUGE_LPer: numbers,
  CIDEr: z.number(),
  CIDErPer: numbers,
})

function checkGrams(recorded: RecordedCase): Check[] {
  return readRows(recorded, corpus).map(({ refs, hyps, ...want }, i) => {
    const images = refs.map(([, references], k) => ({ references, hypothesis: hyps[k]![1] }))
    const counted = countCorpus(images)
    const scores = { bleu: bleu(counted), rouge: rougeL(images), cider: cider(counted) }
    const got = {
      Bleu: scores.bleu.map(({ overall }) => overall),
      BleuPer: scores.bleu.map(({ perImage }) => perImage),
      ...named('ROUGE_L', scores.rouge),
      ...named('CIDEr', scores.cider),
    }
    return { name: `cases.${i}`, want: Object.fromEntries(Object.entries(want)), got }
  })
}

const named = (name: string, { overall, perImage }: Score) => ({ [name]: overall, [`${name}Per`]: perImage })

const scores = z.record(z.string(), z.number())
const expected = z.object({ overall: scores, perImage: z.record(z.string(), numbers) })

const list = expected.extend({
  tokenized: z.object({ gts: z.array(z.array(z.string())), res: z.array(z.string()) }),
  predictions: z.array(z.string()),
  targets: z.array(z.union([z.string(), z.array(z.string())])),
})

function checkLists(recorded: RecordedCase, context: VerifyContext): Check[] {
  const meteor = meteorTables(recorded, context)
  return readRows(recorded, list).flatMap(({ predictions, targets, ...want }, i) => {
    const got = evaluateLists(predictions, targets, { meteor })
    const tokenized = {
      gts: got.tokenized.map(({ references }) => references),
      res: got.tokenized.map(({ hypothesis }) => hypothesis),
    }
    return checksOf(`cases.${i}.`, want, { ...scoresOf(got), tokenized })
  })
}

/** How recorded refusals are called. */
const refusals: Readonly<Record<Refusal, string>> = {
  'several results': 'duplicate result for an image',
  'no result': 'image without a result',
  'no reference': 'image without a reference',
  'unknown image': 'result for an unknown image',
}

const pipeline = z.union([
  z.object({ error: z.string() }),
  expected.extend({ images: z.array(imageId), tokenized: z.object({ gts: grouped, res: grouped }) }),
])

function checkPipeline(recorded: RecordedCase, context: VerifyContext): Check[] {
  const want = pipeline.parse(JSON.parse(readText(recorded, 'expected')))
  const choice = z.enum(imageChoices).parse(recorded.json.imageIds)
  const [annotations, results] = ['annotations', 'results'].map(
    (key) => JSON.parse(readText(recorded, key)) as unknown,
  )
  const select = () => cocoImages({ annotations, results }, choice)
  if ('error' in want) return [{ name: 'error', want: want.error, got: refusalOf(select) }]
  const evaluator = new CaptionEvaluator({ meteor: meteorTables(recorded, context) })
  for (const { imageId, hypothesis, references } of select()) evaluator.add(imageId, hypothesis, references)
  const got = evaluator.result()
  const tokenized = {
    gts: got.tokenized.map((image) => [image.imageId, image.references]),
    res: got.tokenized.map((image) => [image.imageId, [image.hypothesis]]),
  }
  return checksOf('', want, { ...scoresOf(got), images: got.images, tokenized })
}

function refusalOf(select: () => unknown): string {
  try {
    select()
  } catch (error) {
    if (error instanceof CaptionError && error.refusal) return refusals[error.refusal]
    throw error
  }
  return 'none'
}

/** What is recorded of an evaluation: all but SPICE. */
function scoresOf({ overall, perImage }: Evaluation) {
  const { SPICE: _, ...ofCorpus } = overall
  const { SPICE: __, ...ofImages } = perImage
  return { overall: ofCorpus, perImage: ofImages }
}

type Named = Readonly<Record<string, unknown>>

/** A check for each expected value. */
function checksOf(prefix: string, want: Named, got: Named): Check[] {
  return Object.keys(want).map((name) => ({ name: `${prefix}${name}`, want: want[name], got: got[name] }))
}
