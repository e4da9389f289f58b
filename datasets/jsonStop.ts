/**
 * Where a text stops being JSON. `JSON.parse` says that in words which change between versions of Node,
 * often without a position; nobody finds a lost comma in 200 MB by them.
 */

/** Lines and columns are counted from 1, rows of the outermost array from 0. */
export interface JsonStop {
  readonly line: number
  readonly column: number
  readonly row: number
}

const blank = '[ \\t\\n\\r]*'
const text = '"(?:[^"\\\\\\p{Cc}]|[\\u007f-\\u009f]|\\\\(?:["\\\\/bfnrt]|u[\\da-fA-F]{4}))*"'
const number = '-?(?:0|[1-9]\\d*)(?:\\.\\d+)?(?:[eE][+-]?\\d+)?'
const token = new RegExp(`${blank}(?:([[\\]{},:])|(${text})|${number}|true|false|null)`, 'uy')

/** What may come next: a value, a key, a colon, or a comma; an array or object just opened may also end. */
type Expected = 'value' | 'value or end' | 'key' | 'key or end' | 'colon' | 'comma or end'

/** @param json what JSON.parse refused */
export function whereJsonStops(json: string): JsonStop {
  const open: string[] = []
  let expected: Expected = 'value'
  let row = 0
  let end = 0
  for (;;) {
    token.lastIndex = end
    const match = token.exec(json)
    if (!match) break
    const sign = match[1]
    const next = follow(expected, sign, match[2] !== undefined, open)
    if (!next) break
    if (sign === ',' && open.length === 1) row++
    expected = next
    end = token.lastIndex
  }
  const stop = end + json.slice(end).match(new RegExp(`^${blank}`))![0].length
  const lines = json.slice(0, stop).split('\n')
  return { line: lines.length, column: lines.at(-1)!.length + 1, row }
}

/** What may follow this token; undefined where it is wrong. `open` holds the brackets around it. */
function follow(
  expected: Expected,
  sign: string | undefined,
  isString: boolean,
  open: string[],
): Expected | undefined {
  const wantsValue = expected.startsWith('value')
  const closes = open.at(-1) === '[' ? ']' : '}'
  if (sign === '[' || sign === '{') {
    if (!wantsValue) return undefined
    open.push(sign)
    return sign === '[' ? 'value or end' : 'key or end'
  }
  if (sign === ']' || sign === '}') {
    if (sign !== closes || !expected.endsWith('or end') || open.length === 0) return undefined
    open.pop()
    return 'comma or end'
  }
  if (sign === ':') return expected === 'colon' ? 'value' : undefined
  if (sign === ',') {
    if (expected !== 'comma or end' || open.length === 0) return undefined
    return closes === ']' ? 'value' : 'key'
  }
  if (expected.startsWith('key')) return isString ? 'colon' : undefined
  return wantsValue ? 'comma or end' : undefined
}
