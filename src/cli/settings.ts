/** From what was said, on the command line or in a file, to a layer of a training configuration. */
import type { z } from 'zod'
import { UserError } from '../base/index.js'
import { configSchema, type PartialConfig } from '../training/index.js'
import type { Kind } from './kinds.js'
import { hint } from './strict.js'
import {
  configRows,
  fieldOfOption,
  type MethodRow,
  methodFields,
  methodRows,
  methodsWith,
} from './trainOptions.js'

/** Where a value was said, as an error names it. */
export interface Place {
  /** `--batch-size`, or `lst.yaml: "batch-size"` */
  name(option: string): string
  /** `--batch-size abc`, or `lst.yaml: "batch-size" is "abc"` */
  value(option: string, value: unknown): string
}

export const commandLine: Place = {
  name: (option) => `--${option}`,
  value: (option, value) => (value === '' ? `--${option} has no value` : `--${option} ${String(value)}`),
}

export function fileAt(path: string): Place {
  const name = (option: string) => `${path}: "${option}"`
  return { name, value: (option, value) => `${name(option)} is ${JSON.stringify(value)}` }
}

/** Settings that have a map of their own in a file, because a method or an optimizer decides what they are. */
export const maps = { 'method-options': 'methodOptions', 'optimizer-options': 'optimizerOptions' } as const

/**
 * @param said values by the names of their options; texts are read as their options want them
 * @param method whose options these may be
 * @throws {UserError} the first value that its option can't be, or an option of another method
 */
export function settingsLayer(
  said: Readonly<Record<string, unknown>>,
  place: Place,
  method: string,
): PartialConfig {
  const layer: Record<string, unknown> = {}
  const own: Record<string, unknown> = { ...methodMap(said['method-options'], place, method) }
  for (const [option, value] of Object.entries(said)) {
    const field = fieldOfOption.get(option)
    const row = methodRows.find(({ name }) => name === option)
    if (field) {
      layer[field] = checked(option, value, place, configRows[field].kind, configSchema.shape[field])
    } else if (row) own[row.field] = methodValue(row, value, place, method)
  }
  const optimizerOptions = optimizerMap(said['optimizer-options'], place)
  return { ...layer, ...(optimizerOptions ? { optimizerOptions } : {}), methodOptions: own }
}

function methodValue(row: MethodRow, value: unknown, place: Place, method: string): unknown {
  const schema = methodFields(method)[row.field]
  if (schema) return checked(row.name, value, place, row.kind, schema)
  const owners = methodsWith(row.field).join(' or ')
  throw new UserError(
    `${place.name(row.name)} is an option of method ${owners}, not of ${method}: ` +
      `leave it out or use --method ${owners}`,
  )
}

function checked(option: string, value: unknown, place: Place, kind: Kind, schema: z.ZodType): unknown {
  const read = typeof value === 'string' ? kind.read(value) : value
  if (read !== undefined && schema.safeParse(read).success) return read
  throw new UserError(`${place.value(option, value)}: give ${kind.wants(schema)}`)
}

/** The map of a method's rarer options, by its own names. `variant` is the configuration's. */
function methodMap(value: unknown, place: Place, method: string): Record<string, unknown> {
  const { variant: _, ...given } = asMap(value, 'method-options', place)
  const fields = methodFields(method)
  for (const [name, option] of Object.entries(given)) {
    const schema = fields[name]
    if (!schema) {
      throw new UserError(
        `${place.name(`method-options.${name}`)}: method ${method} has no such option${hint(name, Object.keys(fields))}`,
      )
    }
    const parsed = schema.safeParse(option)
    if (!parsed.success) {
      throw new UserError(
        `${place.value(`method-options.${name}`, option)}: ${parsed.error.issues[0]!.message}`,
      )
    }
  }
  return given
}

function optimizerMap(value: unknown, place: Place): Record<string, number> | undefined {
  if (value === undefined) return undefined
  const given = asMap(value, 'optimizer-options', place)
  for (const [name, option] of Object.entries(given)) {
    if (typeof option !== 'number') {
      throw new UserError(`${place.value(`optimizer-options.${name}`, option)}: give a number`)
    }
  }
  return given as Record<string, number>
}

function asMap(value: unknown, option: string, place: Place): Record<string, unknown> {
  if (value === undefined) return {}
  if (isMap(value)) return value
  throw new UserError(`${place.value(option, value)}: give a map of names and values`)
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
