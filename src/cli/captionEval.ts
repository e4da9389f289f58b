/** `vl-lst caption-eval` */
import {
  CaptionError,
  CaptionEvaluator,
  type CocoImage,
  cocoImages,
  type Evaluation,
  imageChoices,
  type MeteorTables,
  type Metric,
  metrics,
  type ScoreName,
  scoreNames,
  tokenizations,
} from 'coco-caption-eval-js'
import { meteorHelp, openMeteor } from 'coco-caption-eval-js/node'
import type { Argv, CommandModule } from 'yargs'
import { nearest, UserError } from '../base/index.js'
import { writeWhole } from '../files/index.js'
import { meteorFolder } from '../metrics/index.js'
import { readCaptionFile } from './captionFiles.js'
import { columns, count } from './format.js'
import { cacheOf, choiceOf, type Typed, textOf } from './given.js'
import { type Progress, progressOf } from './progress.js'
import { type Streams, standardStreams } from './streams.js'

export const captionEvalCommand: Pick<CommandModule, 'builder' | 'handler'> = {
  builder: (program) => addOptions(program),
  handler: (typed) => runCaptionEval(typed, standardStreams()),
}

const whySpice =
  "SPICE needs Stanford's dependency parser with its trained models, in Java: use pycocoevalcap for it"

/** As they are typed. */
const metricWords: Readonly<Record<string, Metric>> = Object.fromEntries(
  metrics.map((metric) => [metric.toLowerCase().replace('_', '-'), metric]),
)

function addOptions(program: Argv): Argv {
  return program
    .usage(
      'vl-lst caption-eval RESULTS ANNOTATIONS [options]\n\nScores captions as the COCO evaluation does: BLEU-1 to 4, METEOR, ' +
        `ROUGE-L and CIDEr; no Java. SPICE is not computed. ${whySpice}.`,
    )
    .positional('results', {
      type: 'string',
      describe: '[{"image_id", "caption"}, …] as JSON; gzip is read too',
    })
    .positional('annotations', { type: 'string', describe: 'COCO captions: {"images", "annotations"}' })
    .option('images', {
      type: 'string',
      requiresArg: true,
      describe: 'all: every annotated image (default); results: those that have a result',
    })
    .option('metrics', {
      type: 'string',
      requiresArg: true,
      describe: `which ones, from ${Object.keys(metricWords).join(', ')}; default: all`,
    })
    .option('per-image', { type: 'string', requiresArg: true, describe: 'file for the scores of each image' })
    .option('tokenize', {
      type: 'string',
      requiresArg: true,
      describe:
        'official: as the COCO evaluation, where captions influence each other (default); separate: each caption alone',
    })
    .option('meteor-data', {
      type: 'string',
      requiresArg: true,
      describe: "folder of METEOR's data; default: VL_LST_METEOR_DATA, else meteor-data in the cache folder",
    })
    .example('vl-lst caption-eval results.json captions_val2014.json', 'all metrics, every annotated image')
    .example(
      'vl-lst caption-eval results.json captions_val2014.json --images results --per-image scores.json',
      'only images with a result, and the scores of each',
    )
}

function runCaptionEval(typed: Typed, streams: Streams): void {
  const json = typed.json === true
  const progress = progressOf(typed, streams)
  try {
    const evaluation = evaluate(typed, progress)
    const file = textOf(typed, 'per-image', 'a file')
    if (file !== undefined) writeWhole(file, perImageText(evaluation), 'name another file with --per-image')
    progress.end()
    for (const text of evaluation.notes) progress.report({ kind: 'note', text })
    streams.out.write(json ? resultLine(evaluation) : tableOf(evaluation))
  } catch (error) {
    progress.end()
    throw error instanceof CaptionError ? forUser(error) : error
  }
}

function forUser({ message, refusal }: CaptionError): UserError {
  return new UserError(refusal === 'no result' ? `${message} with --images results` : message)
}

function evaluate(typed: Typed, progress: Progress): Evaluation {
  const tokenization = choiceOf(typed, 'tokenize', tokenizations) ?? 'official'
  const wanted = metricsOf(typed)
  const images = readImages(typed)
  const tables = wanted?.includes('METEOR') === false ? undefined : openTables(typed, progress)
  if (wanted?.includes('METEOR') && !tables) throw new UserError(`${meteorHelp} --meteor-data`)
  const evaluator = new CaptionEvaluator({
    tokenization,
    ...(wanted ? { metrics: wanted } : {}),
    ...(tables ? { meteor: tables } : {}),
    onProgress: (what, done, total) => progress.report({ kind: 'preparing', what, done, total }),
  })
  for (const { imageId, hypothesis, references } of images) evaluator.add(imageId, hypothesis, references)
  const evaluation = evaluator.result()
  const note = wanted || tables ? [] : [`METEOR is left out: ${meteorHelp} --meteor-data`]
  return { ...evaluation, notes: [...evaluation.notes, ...note] }
}

function readImages(typed: Typed): CocoImage[] {
  const names = { results: String(typed.results), annotations: String(typed.annotations) }
  const choice = choiceOf(typed, 'images', imageChoices) ?? 'all'
  const [results, annotations] = [readCaptionFile(names.results), readCaptionFile(names.annotations)]
  return cocoImages({ results, annotations, names }, choice)
}

function openTables(typed: Typed, progress: Progress): MeteorTables | undefined {
  const cache = cacheOf(typed)
  const folder = meteorFolder(cache, textOf(typed, 'meteor-data', 'a folder'))
  if (folder === undefined) return undefined
  const onMake = () => progress.note("making METEOR's compact tables, once")
  return openMeteor({ folder, cache, onMake })
}

/** @throws {UserError} a word that is no metric */
function metricsOf(typed: Typed): readonly Metric[] | undefined {
  const names = Object.keys(metricWords)
  const text = textOf(typed, 'metrics', `some of ${names.join(', ')}`)
  if (text === undefined) return undefined
  const words = text.split(',').map((word) => word.trim().toLowerCase().replace('_', '-'))
  return words.map((word) => {
    const metric = metricWords[word]
    if (metric) return metric
    if (word === 'spice') throw new UserError(`--metrics spice: ${whySpice}`)
    const near = nearest(word, names)
    throw new UserError(
      `--metrics ${text}: there is no metric "${word}"${near ? `; the nearest is "${near}"` : ''} (all: ${names.join(', ')})`,
    )
  })
}

/** A list with one image a line, as the COCO evaluation keeps it. */
function perImageText({ images, perImage }: Evaluation): string {
  const computed = scoreNames.filter((name) => perImage[name])
  const rows = images.map((id, i) =>
    JSON.stringify({
      image_id: id,
      ...Object.fromEntries(computed.map((name) => [name, perImage[name]![i]])),
    }),
  )
  return `[\n${rows.join(',\n')}\n]\n`
}

function resultLine({ overall, images, notes }: Evaluation): string {
  return `${JSON.stringify({ kind: 'result', images: images.length, scores: overall, notes })}\n`
}

const titles: Readonly<Record<ScoreName, string>> = {
  ...{ Bleu_1: 'BLEU-1', Bleu_2: 'BLEU-2', Bleu_3: 'BLEU-3', Bleu_4: 'BLEU-4' },
  ...{ METEOR: 'METEOR', ROUGE_L: 'ROUGE-L', CIDEr: 'CIDEr', SPICE: 'SPICE' },
}

function tableOf({ overall, images }: Evaluation): string {
  const rows = scoreNames.map((name) => [titles[name], overall[name]?.toFixed(4) ?? 'not computed'])
  return `${count(images.length)} ${images.length === 1 ? 'image' : 'images'}\n${columns([['metric', 'score'], ...rows])}`
}
