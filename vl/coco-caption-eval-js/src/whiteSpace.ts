/** What Python's `str.strip` and `str.split` take for white space. */
const white = '\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'
const atEnd = new RegExp(`[${white}]+$`)
const one = new RegExp(`[${white}]`)

export const stripEnd = (text: string): string => text.replace(atEnd, '')

const lastAscii = 0x7f
const isWhiteAscii = Array.from({ length: lastAscii + 1 }, (_, unit) => one.test(String.fromCharCode(unit)))

const isWhite = (unit: number) =>
  unit <= lastAscii ? isWhiteAscii[unit]! : one.test(String.fromCharCode(unit))

/** Calls `take` with where each word between runs of white space begins and ends. */
export function eachWord(text: string, take: (begin: number, end: number) => void): void {
  let begin = 0
  for (let at = 0; at <= text.length; at++) {
    if (at < text.length && !isWhite(text.charCodeAt(at))) continue
    if (at > begin) take(begin, at)
    begin = at + 1
  }
}

const blank = 0x20

/** Calls `take` with where each part between single blanks begins and ends: it may be empty. */
export function eachPart(text: string, take: (begin: number, end: number) => void): void {
  let begin = 0
  for (let at = 0; at <= text.length; at++) {
    if (at < text.length && text.charCodeAt(at) !== blank) continue
    take(begin, at)
    begin = at + 1
  }
}
