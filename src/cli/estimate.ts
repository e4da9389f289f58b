/** `vl-lst estimate` */
import type { Argv, CommandModule, Options } from 'yargs'
import { kebab, UserError } from '../base/index.js'
import { methods } from '../methods/index.js'
import { tasks } from '../tasks/index.js'
import { type Estimate, estimate, paperConfig, type TrainConfig } from '../training/index.js'
import { readConfigFile } from './configFile.js'
import { columns, count } from './format.js'
import { choiceOf, countOf, lastOf, type Typed, textOf } from './given.js'
import { commandLine, fileAt, settingsLayer } from './settings.js'
import { type Streams, standardStreams } from './streams.js'
import { configRows, methodRows, methodsWith, type OptionField, yargsOption } from './trainOptions.js'

export const estimateCommand: Pick<CommandModule, 'builder' | 'handler'> = {
  builder: (program) => addOptions(program),
  handler: (typed) => runEstimate(typed, standardStreams()),
}

/** The settings of a training that decide what it takes. */
const fields = [
  ...(['backbone', 'tokenizer', 'method', 'task', 'variant', 'additionalVisualEmbeddingLayers'] as const),
  ...(['batchSize', 'accumulate', 'dropout', 'optimizer'] as const),
] satisfies readonly OptionField[]

/** Sizes that training finds in its data. */
const sizes = {
  'vocab-size': 'rows of the token table; default: as many as the paper’s code has',
  'feat-dim': "width of a picture's features; default: 2048",
  'text-length': 'tokens of a text; default: 20 with pictures, else 128',
  'target-length': 'tokens of an answer; default: 5 with pictures, else 2',
  positions: "rows of a sample's pictures; default: 36",
} as const

const defaultBackbone = 't5-base'
const heads = ['lm', 'classify'] as const
const defaultFeatDim = 2048
const defaultLabels = 2
/** Of the shapes that are measured: a question about a picture, a pair of sentences. */
const defaultLengths = {
  pictures: { text: 20, target: 5, positions: 36 },
  text: { text: 128, target: 2, positions: 0 },
}

const text = (describe: string): Options => ({ describe, type: 'string', requiresArg: true })

function addOptions(program: Argv): Argv {
  program.usage(
    'vl-lst estimate --backbone NAME --method M [options]\n\nTells how many parameters train, and what memory a step ' +
      "takes, from configurations alone. Defaults are the paper's for the task and method.",
  )
  for (const field of fields)
    program.option(kebab(field), yargsOption(configRows[field], configRows[field].group))
  for (const row of methodRows)
    program.option(row.name, yargsOption(row, `Method ${methodsWith(row.field).join(', ')}:`))
  for (const [name, describe] of Object.entries(sizes)) program.option(name, text(describe))
  return program
    .option('head', text("lm (default), or classify: a classifier over BART's encoder"))
    .option('labels', text(`how many a classifier tells apart; default: ${defaultLabels}`))
    .example('vl-lst estimate --backbone t5-base --method lst --task vqa', "the paper's ladder")
    .example(
      'vl-lst estimate --backbone t5-3b --task rte --batch-size 4',
      'what does not fit here may fit there',
    )
}

function runEstimate(typed: Typed, streams: Streams): void {
  const config = configOf(typed)
  const pictures = tasks.get(config.task).pictures !== undefined
  const lengths = defaultLengths[pictures ? 'pictures' : 'text']
  const positions = countOf(typed, 'positions')
  if (positions !== undefined && !pictures)
    throw new UserError(
      `--positions is for tasks about pictures, and ${config.task} is about text alone: leave it out`,
    )
  const batch = {
    text: countOf(typed, 'text-length') ?? lengths.text,
    target: countOf(typed, 'target-length') ?? lengths.target,
    positions: positions ?? lengths.positions,
  }
  const told = estimate(config, batch, {
    vocabulary: countOf(typed, 'vocab-size'),
    featDim: countOf(typed, 'feat-dim') ?? defaultFeatDim,
    labels: labelsOf(typed),
  })
  const { backbone, method, task, variant, batchSize, accumulate, optimizer, dropout } = config
  const settings = { backbone, method, task, variant, batchSize, accumulate, optimizer, dropout, ...batch }
  streams.out.write(
    typed.json ? `${JSON.stringify({ kind: 'result', ...settings, ...told })}\n` : described(settings, told),
  )
}

/** The paper's settings, under what was said. */
function configOf(typed: Typed): TrainConfig {
  const last = lastOf(typed)
  const path = textOf(typed, 'config', 'a path')
  const file = path === undefined ? {} : readConfigFile(path)
  const method = methods.get(String(last.method ?? file.method ?? 'lst')).name
  return paperConfig(
    { backbone: defaultBackbone },
    ...(path === undefined ? [] : [settingsLayer(file, fileAt(path), method)]),
    settingsLayer(last, commandLine, method),
  )
}

function labelsOf(typed: Typed): number | undefined {
  const labels = countOf(typed, 'labels')
  if (choiceOf(typed, 'head', heads) === 'classify') return labels ?? defaultLabels
  if (labels !== undefined) throw new UserError('--labels is for a classifier: give --head classify too')
  return undefined
}

type Settings = Pick<TrainConfig, 'backbone' | 'method' | 'task' | 'batchSize' | 'accumulate'> & {
  readonly text: number
  readonly target: number
  readonly positions: number
}

const megabytes = (bytes: number) => `${count(Math.round(bytes / 1e6))} MB`
const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(4)} %`

function described(
  { backbone, method, task, batchSize, accumulate, text: words, target, positions }: Settings,
  { parameters: { trained, all, backbone: own }, memory }: Estimate,
): string {
  const parts = accumulate > 1 ? `, in ${accumulate} parts` : ''
  const rows = positions > 0 ? `, pictures of ${positions} rows` : ''
  const sizesOfStep = `${batchSize} samples${parts}: texts of ${words} tokens, answers of ${target}${rows}`
  return [
    `${method} on ${backbone}, ${task}\n\n`,
    columns([
      ['trained parameters', count(trained), ''],
      ['of the model', count(all), percent(trained, all)],
      ['of the backbone alone', count(own), percent(trained, own)],
    ]),
    `\nA step of ${sizesOfStep}\n\n`,
    columns([
      ['trained weights', megabytes(memory.trained)],
      ['gradients', megabytes(memory.gradients)],
      ["optimizer's moments", megabytes(memory.moments)],
      ['activations', megabytes(memory.activations)],
      ['program and graph', megabytes(memory.program)],
      ['private memory, at its peak', megabytes(memory.private)],
      ['frozen weights, mapped', megabytes(memory.frozen)],
      ['libraries, mapped', megabytes(memory.libraries)],
      ['resident memory, at its peak', megabytes(memory.resident)],
    ]),
  ].join('')
}
