/** `vl-lst prune` */
import type { Argv, CommandModule, Options } from 'yargs'
import { UserError } from '../base/index.js'
import { type Pruned, prune, resolveConfig, sideInits, type TrainConfig } from '../training/index.js'
import { readConfigFile } from './configFile.js'
import { exitCodes, Interrupted } from './errors.js'
import { count, shellCommand } from './format.js'
import { cacheOf, choiceOf, countOf, lastOf, type Typed, textOf } from './given.js'
import { interruptible } from './interrupt.js'
import { progressOf } from './progress.js'
import { commandLine, fileAt, settingsLayer } from './settings.js'
import { type Streams, standardStreams } from './streams.js'
import { configRows, methodRows, methodsWith, type OptionField } from './trainOptions.js'

export const pruneCommand: Pick<CommandModule, 'builder' | 'handler'> = {
  builder: (program) => addOptions(program),
  handler: async (typed) => await runPrune(typed, standardStreams()),
}

/** The method whose ladder starts from pruned weights. */
const method = methodsWith('sideInit')[0]!

/** The settings of a training that decide what is pruned. */
const fields = [
  'backbone',
  'tokenizer',
  'task',
  'dataset',
  'variant',
] as const satisfies readonly OptionField[]
const reduction = methodRows.find(({ field }) => field === 'reductionFactor')!

/** What all tables of the paper use. */
const defaultImportance = 'fisher-v2'

const text = (describe: string): Options => ({ describe, type: 'string', requiresArg: true })

function addOptions(program: Argv): Argv {
  program.usage(
    'vl-lst prune --backbone DIR --reduction R -o FILE [options]\n\nChooses the rows and columns of a backbone that ' +
      'matter most, and writes them as the weights that a ladder may start from. Defaults are those of train.',
  )
  for (const field of fields) program.option(field, text(configRows[field].describe))
  const about = sideInits.entries.map(({ name, selector }) => `${name}: ${selector.summary}`).join('; ')
  return program
    .option(reduction.name, text(reduction.describe))
    .option(
      'importance',
      text(`how weights are measured and chosen; default: ${defaultImportance}. ${about}`),
    )
    .option('samples', text('training samples that Fisher importance is measured on; default: 1024, or all'))
    .option('output', { ...text('the safetensors file to write'), alias: 'o' })
    .example(
      'vl-lst prune --backbone DIR --reduction 8 --importance magnitude-v2 -o side.safetensors',
      'no data',
    )
    .example(
      'vl-lst prune --backbone DIR --reduction 8 --task vqa --dataset DIR -o side.safetensors',
      'by gradients on 1024 training samples',
    )
    .example('vl-lst train --reduction 8 --side-init side.safetensors --backbone DIR …', 'what they are for')
}

async function runPrune(typed: Typed, streams: Streams): Promise<void> {
  const output = textOf(typed, 'output', 'a file')
  if (output === undefined)
    throw new UserError('--output is missing: name the file to write, such as -o side.safetensors')
  const config = configOf(typed)
  const progress = progressOf(typed, streams)
  const interruption = interruptible(() => progress.note('ending…'))
  try {
    const pruned = await prune(config, output, {
      cache: cacheOf(typed),
      report: progress.report,
      signal: interruption.signal,
    })
    progress.end()
    streams.out.write(
      typed.json ? `${JSON.stringify({ kind: 'result', ...pruned })}\n` : `${summary(pruned)}\n`,
    )
    if (!typed.json && !typed.quiet)
      streams.err.write(`use them:  ${shellCommand(nextCommand(pruned, config))} …\n`)
    process.exitCode = exitCodes.done
  } catch (error) {
    if (interruption.signal.aborted && error === interruption.signal.reason)
      throw new Interrupted('interrupted: nothing was written')
    throw error
  } finally {
    progress.end()
    interruption.close()
  }
}

/** The settings of a training with such a ladder. */
function configOf(typed: Typed): TrainConfig {
  const path = textOf(typed, 'config', 'a path')
  const file = path === undefined ? [] : [settingsLayer(readConfigFile(path), fileAt(path), method)]
  const methodOptions = {
    sideInit: choiceOf(typed, 'importance', sideInits.names) ?? defaultImportance,
    sideInitSamples: countOf(typed, 'samples') ?? null,
  }
  return resolveConfig([
    ...file,
    settingsLayer(lastOf(typed), commandLine, method),
    { method, methodOptions },
  ])
}

function summary({ file, parameters, settings: { importance, reduction: r, measuredOn } }: Pruned): string {
  const on = measuredOn ? ` on ${count(measuredOn.samples)} samples of ${measuredOn.task}` : ''
  return `${file}: ${count(parameters)} weights for a ladder of 1/${r}, by ${importance}${on}`
}

function nextCommand({ file, settings }: Pruned, { backbone }: TrainConfig): readonly string[] {
  return [
    ...['vl-lst', 'train', '--backbone', backbone, `--${reduction.name}`, String(settings.reduction)],
    ...['--side-init', file],
  ]
}
