/** METEOR's own normalisation of English text, punctuation kept. */

const letters =
  'A-Za-z\\u0160\\u017d\\u0161\\u017e\\u0178\\u00c0-\\u00d6\\u00d8-\\u00f6\\u00f8-\\u017e\\u0400-\\u0527\\ua640-\\ua66e\\ua67e-\\ua697\\u1d00-\\u1d7f'
const expression = (source: string) => new RegExp(source.replaceAll('LETTERS', letters), 'gu')

/** Stop marks that replacements must not touch. */
const stops = 'DOTMULTI'

/** Replacements of all matches, one after the other. */
const replacements: readonly (readonly [RegExp, string])[] = [
  [expression("[^LETTERS0-9\\t\\n\\v\\f\\r .'`,\\-\\u2018\\u2019]"), ' $& '],
  [/\.(\.+)/g, ` ${stops}$1`],
]

const afterStops: readonly (readonly [RegExp, string])[] = [
  [expression('([^0-9]),([^0-9])'), '$1 , $2'],
  [expression('([0-9]),([^0-9])'), '$1 , $2'],
  [expression('([^0-9]),([0-9])'), '$1 , $2'],
  [/[`\u2018\u2019]/g, "'"],
  [/\u201c|\u201d|''/g, ' " '],
  [/\u2013/g, '-'],
  [/--/g, '-'],
  [expression('([LETTERS0-9.])-([LETTERS0-9])'), '$1 $2'],
  [expression("([^LETTERS])'([^LETTERS])"), "$1 ' $2"],
  [expression("([^LETTERS0-9])'([LETTERS])"), "$1 ' $2"],
  [expression("([LETTERS])'([^LETTERS])"), "$1 ' $2"],
  [expression("([LETTERS])'([LETTERS])"), "$1 '$2"],
  [expression("([0-9])'(s)"), "$1 '$2"],
]

const hasLetter = expression('[LETTERS]')
const blanks = /[ \u00a0\u2000-\u200a\u202f\u205f\u3000]+/g
const blank = 0x20
const between = /[ \t\n\f\r]+/

/** What a full stop at the end of a word belongs to: always to the word, or only before a number. */
export type Prefix = 'any' | 'numeric'
export type Prefixes = ReadonlyMap<string, Prefix>

/** @returns the words of a text with one blank between, in their own case */
export function normalise(text: string, prefixes: Prefixes): string {
  let line = replaceAll(` ${text} `, replacements)
  while (line.includes(`${stops}.`)) {
    line = line.replace(new RegExp(`${stops}\\.([^.])`, 'gu'), 'DOTDOTMULTI $1')
    line = line.replaceAll(`${stops}.`, 'DOTDOTMULTI')
  }
  line = separateStops(replaceAll(line, afterStops), prefixes)
  while (line.includes('DOTDOTMULTI')) line = line.replaceAll('DOTDOTMULTI', `${stops}.`)
  return trimmed(line.replaceAll(stops, '.'))
}

const replaceAll = (text: string, all: readonly (readonly [RegExp, string])[]) =>
  all.reduce((line, [what, by]) => line.replace(what, by), text)

const trimmed = (text: string) => trim(text.replace(blanks, ' '))

/** What Java's `trim` takes off: all up to a blank. */
export function trim(text: string): string {
  let [begin, end] = [0, text.length]
  while (begin < end && text.charCodeAt(begin) <= blank) begin++
  while (begin < end && text.charCodeAt(end - 1) <= blank) end--
  return text.slice(begin, end)
}

/** Full stops at the ends of words, where they end a sentence. */
function separateStops(line: string, prefixes: Prefixes): string {
  const words = line.split(between).filter((word) => word !== '')
  return words.map((word, i) => `${separateStop(word, words[i + 1] ?? '', prefixes)} `).join('')
}

function separateStop(word: string, next: string, prefixes: Prefixes): string {
  if (word.length < 2 || !word.endsWith('.')) return word
  const before = word.slice(0, -1)
  if (before.includes('.') && before.search(hasLetter) >= 0) return word.replaceAll('.', '')
  const kind = prefixes.get(before)
  if (kind === 'any' || /^[a-z]/.test(next)) return word
  if (kind === 'numeric' && /^[0-9]/.test(next)) return word
  return `${before} .`
}

/** Most captions: words with one blank between, in which nothing is changed. */
const plainWords = /^[a-z0-9]+(?: [a-z0-9]+)*$/

/** @returns the words of a text as METEOR compares them, with one blank between */
export function meteorText(text: string, prefixes: Prefixes): string {
  return plainWords.test(text) ? text : normalise(text, prefixes).toLowerCase()
}
