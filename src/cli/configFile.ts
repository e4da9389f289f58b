/** Configuration files: the options of a training run by their own names, in YAML or JSON. */
import { readFileSync } from 'node:fs'
import { parseDocument, stringify } from 'yaml'
import { kebab, UserError } from '../base/index.js'
import type { TrainConfig } from '../training/index.js'
import { isMap, maps } from './settings.js'
import { hint } from './strict.js'
import { fieldOfOption, methodRows } from './trainOptions.js'

/** Options that a file may set though they are no part of a configuration. */
const runOptions = ['output', 'cache'] as const

/** What a run writes beside its configuration; nothing is set by it. */
const ignored = 'versions'

/** Every name that a file may have. */
const known: readonly string[] = [
  ...fieldOfOption.keys(),
  ...methodRows.map(({ name }) => name),
  ...Object.keys(maps),
  ...runOptions,
]

/**
 * Values by the names of options. Names may be written as a run's `config.yaml` has them (`batchSize`), too.
 *
 * @throws {UserError} a file that can't be read or parsed, or an unknown name, with the nearest one
 */
export function readConfigFile(path: string): Readonly<Record<string, unknown>> {
  const content = parseText(path, readText(path))
  if (!isMap(content)) {
    throw new UserError(`${path} is not a map of settings: write one a line, such as "batch-size: 64"`)
  }
  const settings: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(content)) {
    const name = kebab(key)
    if (name === ignored) continue
    if (!known.includes(name)) {
      throw new UserError(
        `${path}: unknown setting "${key}"${hint(name, known)} (vl-lst train --help lists the options)`,
      )
    }
    if (name in settings) throw new UserError(`${path}: "${name}" is there twice: leave one out`)
    settings[name] = value
  }
  return settings
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'does not exist' : `can't be read (${code})`
    throw new UserError(`--config ${path} ${why}: name a YAML or JSON file`)
  }
}

/** JSON is YAML too, and gets YAML's messages, with line and column. */
function parseText(path: string, text: string): unknown {
  const document = parseDocument(text)
  const [error] = document.errors
  if (error) throw new UserError(`${path}: ${error.message.split('\n')[0]!.replace(/:$/, '')}`)
  try {
    return document.toJS()
  } catch (problem) {
    throw new UserError(`${path}: ${problem instanceof Error ? problem.message : problem}`)
  }
}

/** A configuration by the names of its options, in a form that {@link readConfigFile} reads back. */
function configByOption(config: TrainConfig): Readonly<Record<string, unknown>> {
  const { methodOptions, optimizerOptions, ...fields } = config
  const { variant: _, ...rarer } = methodOptions
  const own: Record<string, unknown> = {}
  for (const { name, field } of methodRows) {
    if (!(field in rarer)) continue
    own[name] = layersInWords(rarer[field], name)
    delete rarer[field]
  }
  const byOption = Object.fromEntries(Object.entries(fields).map(([name, value]) => [kebab(name), value]))
  return { ...byOption, ...own, 'method-options': rarer, 'optimizer-options': optimizerOptions }
}

/** Lists of layers as the command line has them. */
function layersInWords(value: unknown, option: string): unknown {
  if (!option.endsWith('-layers')) return value
  if (value === null) return 'all'
  return Array.isArray(value) && value.length === 0 ? 'none' : value
}

export function printConfig(config: TrainConfig, { json }: { readonly json: boolean }): string {
  const settings = configByOption(config)
  return json ? `${JSON.stringify(settings)}\n` : stringify(settings)
}
