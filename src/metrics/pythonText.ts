/** Texts as Python reads them: the reference's scores depend on it. */

/** White space as Python's `str.strip` and `str.split` know it; JavaScript's `\s` differs at both ends. */
const blank = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]'
export const blanks = new RegExp(`${blank}+`)
const outerBlanks = new RegExp(`^${blank}+|${blank}+$`, 'g')

/** `str.strip` */
export function strip(text: string): string {
  return text.replace(outerBlanks, '')
}

const digits = '\\d+(?:_\\d+)*'
const decimal = new RegExp(`^[+-]?(?:${digits}\\.?(?:${digits})?|\\.${digits})(?:e[+-]?${digits})?$`, 'i')
const infinite = /^([+-]?)inf(?:inity)?$/i
const notANumber = /^[+-]?nan$/i

/** `float`, of ASCII digits; `undefined` where Python raises ValueError. */
export function parseFloatAsPython(text: string): number | undefined {
  const stripped = strip(text)
  if (decimal.test(stripped)) return Number(stripped.replaceAll('_', ''))
  if (notANumber.test(stripped)) return Number.NaN
  const [, sign] = infinite.exec(stripped) ?? []
  return sign === undefined ? undefined : sign === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}
