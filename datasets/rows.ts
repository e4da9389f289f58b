import { readFile } from 'node:fs/promises'
import type { z } from 'zod'
import { UserError } from '../src/base/index.js'
import { whereJsonStops } from './jsonStop.js'

/** What a row must be, and how a message speaks of it. */
export interface RowFormat<T> {
  /** Its messages complete `"field" is VALUE, …`: `not a string`. */
  readonly schema: z.ZodType<T>
  /** A good row, to end the message with. */
  readonly example: string
  /** Where a row is an array: the names by which the schema knows its places. */
  readonly fields?: readonly string[]
}

/**
 * Reads a JSON file that is one array, and checks every row.
 *
 * @throws {UserError} the file can't be read, isn't JSON (with row, line and column) or isn't an array;
 *   the first bad row by its index, counted from 0, and its field
 */
export async function readRows<T>(path: string, format: RowFormat<T>): Promise<T[]> {
  const rows = parseJson(path, await readBytes(path))
  if (!Array.isArray(rows)) throw new UserError(`${path} is not an array of rows: a row is ${format.example}`)
  return rows.map((row: unknown, index) => {
    const given = format.fields ? named(row, format.fields) : row
    const result = format.schema.safeParse(given)
    if (result.success) return result.data
    throw badRow(path, index, explain(row, given, result.error.issues[0]!), format)
  })
}

/** A row that is wrong, in the voice of all of them. `what` completes `FILE row INDEX: …`. */
export function badRow(path: string, index: number, what: string, format: RowFormat<unknown>): UserError {
  return new UserError(`${path} row ${index} (the first is 0): ${what}: a row is ${format.example}`)
}

/** @throws {UserError} the file is missing or can't be read */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new UserError(`${path} is missing: put it there, or name another --dataset`)
    throw new UserError(`${path} can't be read (${code}): check what it is and who may read it`)
  }
}

function parseJson(path: string, bytes: Uint8Array): unknown {
  const text = decodeUtf8(path, bytes)
  try {
    return JSON.parse(text)
  } catch {
    const { line, column, row } = whereJsonStops(text)
    throw new UserError(
      `${path} is not JSON from row ${row}, line ${line}, column ${column} on: mend it there`,
    )
  }
}

function decodeUtf8(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new UserError(`${path} is not UTF-8 text: save it as UTF-8`)
  }
}

/** An array as an object; anything else is left to the schema to refuse. */
function named(row: unknown, fields: readonly string[]): unknown {
  if (!Array.isArray(row)) return undefined
  return Object.fromEntries(row.map((value: unknown, i) => [fields[i] ?? `field ${i}`, value]))
}

/** @param row as the file has it; `given` as the schema saw it */
function explain(row: unknown, given: unknown, issue: z.core.$ZodIssue): string {
  if (issue.path.length === 0) return `${show(row)} is ${issue.message}`
  const value = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)[key], given)
  const field = issue.path.join('.')
  return value === undefined ? `"${field}" is missing` : `"${field}" is ${show(value)}, ${issue.message}`
}

/** The value as JSON, short enough for one line. */
function show(value: unknown): string {
  const json = JSON.stringify(value) ?? 'nothing'
  return json.length <= 60 ? json : `${json.slice(0, 57)}...`
}
