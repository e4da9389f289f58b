/** What Python's `str.strip` and `str.split` take for white space. */
const white = '\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'
const atEnd = new RegExp(`[${white}]+$`)
const runs = new RegExp(`[${white}]+`)

export const stripEnd = (text: string): string => text.replace(atEnd, '')

/** The words between runs of white space. */
export function splitWords(text: string): string[] {
  const words = text.split(runs)
  return words.filter((word) => word !== '')
}

const blank = 0x20

/** Calls `take` with where each word between blanks begins and ends. */
export function eachWord(text: string, take: (begin: number, end: number) => void): void {
  let begin = 0
  for (let at = 0; at <= text.length; at++) {
    if (at < text.length && text.charCodeAt(at) !== blank) continue
    if (at > begin) take(begin, at)
    begin = at + 1
  }
}
