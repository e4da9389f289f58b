/** Tab-separated files as GLUE has them: no quoting rule, fields end at tabs and rows at line ends alone. */
import { UserError } from '../src/base/index.js'
import { readText } from './rows.js'

/** A column by its name in the header, or by its place (from 0) of so many in a file without one. */
export type Column = string | { readonly place: number; readonly of: number }

export interface TsvFormat {
  /** By the names of the fields that they become: all by header, or all by place. */
  readonly columns: Readonly<Record<string, Column>>
  /** What is wrong with a field's text, completing `"field" is "text", …`. */
  problem(field: string, text: string): string | undefined
  /** What the rows are, as a message speaks of them. */
  readonly about: string
  /** Rows with too few fields are left out and counted; without it they are refused. */
  readonly onShortRows?: (path: string, count: number) => void
}

/**
 * Reads and checks a whole file.
 *
 * @returns texts of each row by the names of fields
 * @throws {UserError} the file can't be read or lacks a column; the first bad row by its line, counted from 1, and field
 */
export async function readTsv(path: string, format: TsvFormat): Promise<Readonly<Record<string, string>>[]> {
  const lines = linesOf(await readText(path))
  if (lines.length === 0) throw new UserError(`${path} is empty: put ${format.about} there`)
  const { first, width, places } = layoutOf(path, lines[0]!, format)
  const rows: Readonly<Record<string, string>>[] = []
  let short = 0
  for (const [index, line] of lines.entries()) {
    if (index < first) continue
    const texts = line.split('\t')
    if (texts.length < width && format.onShortRows) {
      short++
      continue
    }
    const bad = (what: string) => new UserError(`${path} line ${index + 1}: ${what}`)
    if (texts.length !== width) throw bad(wrongWidth(texts.length, width, format))
    const row = Object.fromEntries(places.map(([field, place]) => [field, texts[place]!]))
    for (const [field, text] of Object.entries(row)) {
      const problem = format.problem(field, text)
      if (problem) throw bad(`"${field}" is ${shortened(text)}, ${problem}: mend it there`)
    }
    rows.push(row)
  }
  if (short > 0) format.onShortRows?.(path, short)
  return rows
}

/** Line ends as Python's text files know them; the last one may be missing. */
function linesOf(text: string): string[] {
  const lines = text.split(/\r\n|\r|\n/)
  if (lines.at(-1) === '') lines.pop()
  return lines
}

interface Layout {
  /** The first line that is a row. */
  readonly first: number
  readonly width: number
  readonly places: readonly (readonly [field: string, place: number])[]
}

function layoutOf(path: string, line: string, { columns, about }: TsvFormat): Layout {
  const header = line.split('\t')
  let [first, width] = [0, 0]
  const places = Object.entries(columns).map(([field, column]) => {
    if (typeof column !== 'string') {
      width = column.of
      return [field, column.place] as const
    }
    const place = header.indexOf(column)
    if (place < 0) {
      throw new UserError(
        `${path} line 1: no column is named "${column}": ${about} are under a header with ` +
          Object.values(columns)
            .map((name) => `"${name}"`)
            .join(', '),
      )
    }
    ;[first, width] = [1, header.length]
    return [field, place] as const
  })
  return { first, width, places }
}

function wrongWidth(got: number, want: number, { about }: TsvFormat): string {
  return `it has ${got} ${got === 1 ? 'field' : 'fields'} between tabs, where ${about} have ${want}: mend it there`
}

/** As JSON, short enough for one line. */
function shortened(text: string): string {
  const json = JSON.stringify(text)
  return json.length <= 60 ? json : `${json.slice(0, 57)}...`
}
