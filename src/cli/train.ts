/** `vl-lst train` */
import type { Argv, CommandModule, Options } from 'yargs'
import { UserError } from '../base/index.js'
import { cacheFolder } from '../files/index.js'
import { methods } from '../methods/index.js'
import { tasks } from '../tasks/index.js'
import {
  LostWorker,
  packagedBackbones,
  resolveConfig,
  type TrainConfig,
  type TrainResult,
  train,
  type WorkerGroup,
} from '../training/index.js'
import { printConfig, readConfigFile } from './configFile.js'
import { exitCodes, Interrupted, StoppedRun } from './errors.js'
import { shellCommand } from './format.js'
import { lastOf, type Typed } from './given.js'
import { type GlobalOption, globalOptions } from './globals.js'
import { interruptible } from './interrupt.js'
import { refuseOneMachine, withMpi, withoutOneMachine } from './mpi.js'
import { type Progress, progressOf, silentProgress } from './progress.js'
import { commandLine, fileAt, settingsLayer } from './settings.js'
import { onReaderLeft, type Streams, standardStreams } from './streams.js'
import { configRows, fieldOfOption, methodRows, methodsWith, yargsOption } from './trainOptions.js'

const runGroup = 'Run:'

const ownOptions = {
  output: {
    group: runGroup,
    type: 'string',
    requiresArg: true,
    describe: 'folder of a new run; default: runs/DATE-TASK-METHOD',
  },
  resume: {
    group: runGroup,
    type: 'string',
    describe: 'go on from the last good checkpoint of a run, or of the newest in runs/',
  },
  'print-config': {
    group: runGroup,
    type: 'boolean',
    describe: 'print the merged settings, as --config reads them, and end',
  },
} as const satisfies Record<string, Options>

const examples = [
  [
    'vl-lst train --task vqa --backbone DIR --dataset DIR --vision patches',
    'train a ladder beside the T5 in a folder',
  ],
  ['vl-lst train --task cola --backbone DIR --dataset DIR', 'the same for a task about texts'],
  ['vl-lst train --resume', 'go on with the newest run'],
  ['vl-lst train --dataset DIR --print-config > mine.yaml', 'settings of a data set, to change and to use:'],
  ['vl-lst train --config mine.yaml --learning-rate 1e-3', 'the command line wins over the file'],
] as const

export const trainCommand: Pick<CommandModule, 'builder' | 'handler'> = {
  builder: (program) => addOptions(program),
  handler: async (typed) => await runTrain(lastOf(typed), standardStreams()),
}

function addOptions(program: Argv): Argv {
  program.usage(
    'vl-lst train [options]\n\nTrains a method on a task, and scores it. Defaults: --print-config.',
  )
  for (const [name, field] of fieldOfOption) {
    if (!(name in globalOptions))
      program.option(name, yargsOption(configRows[field], configRows[field].group))
  }
  for (const row of methodRows) {
    const owners = methodsWith(row.field)
    if (owners.length > 0) program.option(row.name, yargsOption(row, `Method ${owners.join(', ')}:`))
  }
  for (const [command, about] of examples) program.example(command, about)
  return program.options(ownOptions)
}

interface Plan {
  readonly config: TrainConfig
  readonly output?: string
  readonly resume?: string | true
  readonly cache: string
}

async function runTrain(given: Typed, streams: Streams): Promise<void> {
  await withMpi(given, streams, async (group) => {
    const plan = planOf(given, { isAlone: group.size === 1 })
    const isFirst = group.rank === 0
    if (given['print-config']) {
      const text = printConfig(plan.config, { json: given.json === true })
      return () => void (isFirst && streams.out.write(text))
    }
    const progress = isFirst ? progressOf(given, streams) : silentProgress()
    const result = await trainUntilInterrupted(plan, progress, group)
    return () => tell(result, plan, progress)
  })
}

/** @throws {Interrupted} how to go on */
function tell(result: TrainResult, { config }: Plan, progress: Progress): void {
  if (result.outcome === 'interrupted') {
    throw new Interrupted(
      `interrupted after step ${result.step}, state saved: ` +
        `go on with ${shellCommand(['vl-lst', 'train', '--resume', result.folder])}`,
    )
  }
  progress.finish(result, nextCommands(result, config))
  process.exitCode = exitCodes.done
}

/**
 * The settings of file and command line, merged, and where the run is.
 *
 * @param isAlone whether no launcher started several of this process
 */
function planOf(given: Typed, { isAlone }: { readonly isAlone: boolean }): Plan {
  const path = optionalText(given, 'config')
  const file = path === undefined ? {} : readConfigFile(path)
  const resume = given.resume === undefined ? undefined : given.resume === '' || String(given.resume)
  const output = optionalText(given, 'output') ?? optionalText(file, 'output', path)
  if (resume !== undefined && output !== undefined) {
    throw new UserError('--output names a new run and --resume an old one: leave one of them out')
  }
  const method = methodOf(given, file, resume)
  const said = [...(path === undefined ? [] : [[file, fileAt(path)] as const]), [given, commandLine] as const]
  const layers = said.map(([values, place]) => {
    const layer = settingsLayer(values, place, method)
    if (!isAlone) refuseOneMachine(layer, place)
    return layer
  })
  return {
    config: resolveConfig(isAlone ? layers : [...layers, withoutOneMachine], resume),
    ...(output === undefined ? {} : { output }),
    ...(resume === undefined ? {} : { resume }),
    cache: cacheFolder(optionalText(given, 'cache') ?? optionalText(file, 'cache', path)),
  }
}

/** Whose options may be given: the method that is asked for, else that of the run or the preset. */
function methodOf(given: Typed, file: Typed, resume: string | true | undefined): string {
  const named = given.method ?? file.method
  return methods.get(named === undefined ? resolveConfig([], resume).method : String(named)).name
}

/** @param file where it was read, unless it was typed */
function optionalText(values: Typed, name: GlobalOption | 'output', file?: string): string | undefined {
  const value = values[name]
  if (value === undefined || (typeof value === 'string' && value !== '')) return value
  const place = file === undefined ? commandLine : fileAt(file)
  throw new UserError(`${place.value(name, value)}: give a path`)
}

async function trainUntilInterrupted(
  plan: Plan,
  progress: Progress,
  group: WorkerGroup,
): Promise<TrainResult> {
  const interruption = interruptible(() => progress.note('saving…'))
  const readerBack = onReaderLeft(interruption.interrupt)
  let stepped = false
  try {
    const { config, ...where } = plan
    return await train(config, {
      ...{ ...where, group },
      command: shellCommand(['vl-lst', ...process.argv.slice(2)]),
      report: (event) => {
        stepped ||= event.kind === 'step'
        progress.report(event)
      },
      signal: interruption.signal,
    })
  } catch (error) {
    if (interruption.signal.aborted && error === interruption.signal.reason)
      throw new Interrupted('interrupted before the first step: nothing was saved')
    throw stepped || error instanceof LostWorker ? new StoppedRun(error) : error
  } finally {
    progress.end()
    readerBack()
    interruption.close()
  }
}

/** What one may want to know and to type after a run. */
function nextCommands(
  { folder }: TrainResult,
  { task, seed, backbone, vision }: TrainConfig,
): readonly string[] {
  const config = `${folder}/config.yaml`
  const again = ['vl-lst', 'train', '--config', config]
  return [
    `report:          ${folder}/report.md`,
    `its scores:      ${shellCommand(['vl-lst', 'evaluate', folder])}`,
    `your own:        ${shellCommand(['vl-lst', 'predict', folder, ...tasks.get(task).askedLike])}`,
    `another seed:    ${shellCommand([...again, '--seed', String(seed + 1)])}`,
    `its settings:    ${shellCommand([...again, '--print-config'])}`,
    ...(packagedBackbones.has(backbone) || vision === 'builtin' ? aboutBuiltin : []),
  ]
}

const aboutBuiltin = [
  'The built-in models have seen drawn scenes alone and know little else. For real pictures and questions, give',
  'folders of Hugging Face models (t5-base, clip-vit-base-patch32, with model.safetensors):',
  '                 vl-lst train --task vqa --backbone t5-base --vision clip-vit-base-patch32 --dataset my.jsonl',
]
