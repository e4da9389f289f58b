import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
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
  /** Where the file is an object: the field that holds the rows. */
  readonly under?: string
}

/**
 * Reads a JSON file that is one array, or has one in a field, and checks every row.
 *
 * @throws {UserError} the file can't be read, isn't JSON (with row, line and column) or has no such array;
 *   the first bad row by its index, counted from 0, and its field
 */
export async function readRows<T>(path: string, format: RowFormat<T>): Promise<T[]> {
  const { under } = format
  const content = await readJson(path)
  const rows = under === undefined ? content : (content as Record<string, unknown> | null)?.[under]
  if (!Array.isArray(rows)) {
    const wanted = under === undefined ? 'is not an array of rows' : `has no array "${under}"`
    throw new UserError(`${path} ${wanted}: a row is ${format.example}`)
  }
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

/**
 * A file's bytes, those of `.gz` unpacked.
 *
 * @throws {UserError} the file is missing, can't be read or unpacked
 */
export async function readBytes(path: string): Promise<Uint8Array> {
  const bytes = await readStored(path)
  if (!path.endsWith('.gz')) return bytes
  try {
    return gunzipSync(bytes)
  } catch (error) {
    throw new UserError(`${path} is not a whole gzip file (${(error as Error).message}): fetch it again`)
  }
}

async function readStored(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new UserError(`${path} is missing: put it there, or name another --dataset`)
    throw new UserError(`${path} can't be read (${code}): check what it is and who may read it`)
  }
}

/** @throws {UserError} the file can't be read or isn't JSON (with line and column, and the row of an array) */
export async function readJson(path: string): Promise<unknown> {
  const text = await readText(path)
  try {
    return JSON.parse(text)
  } catch {
    const { line, column, row } = whereJsonStops(text)
    const place = /^\s*\{/.test(text) ? '' : `row ${row}, `
    throw new UserError(`${path} is not JSON from ${place}line ${line}, column ${column} on: mend it there`)
  }
}

/** @throws {UserError} the file can't be read or isn't UTF-8 */
export async function readText(path: string): Promise<string> {
  const bytes = await readBytes(path)
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

/**
 * What is wrong with a row, by its field.
 *
 * @param row as the file has it; `given` as the schema saw it
 */
export function explain(row: unknown, given: unknown, issue: z.core.$ZodIssue): string {
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
