/** The Snowball stemmer for English (Porter 2) as it was from 2010 to 2023. */

const exceptions = new Map(
  Object.entries({
    ...{ skis: 'ski', skies: 'sky', dying: 'die', lying: 'lie', tying: 'tie', idly: 'idl', gently: 'gentl' },
    ...{ ugly: 'ugli', early: 'earli', only: 'onli', singly: 'singl' },
    ...{
      sky: 'sky',
      news: 'news',
      howe: 'howe',
      atlas: 'atlas',
      cosmos: 'cosmos',
      bias: 'bias',
      andes: 'andes',
    },
  }),
)
const finished = new Set('inning outing canning herring earring proceed exceed succeed'.split(' '))

const region = /[aeiouy][^aeiouy]/g
const shortEnd = /([^aeiouy][aeiouy][^aeiouywxY]|^[aeiouy][^aeiouy])$/
const doubled = /(bb|dd|ff|gg|mm|nn|pp|rr|tt)$/

/** Where the region after the first non-vowel that follows a vowel begins, from `from` on. */
function regionAfter(word: string, from: number): number {
  region.lastIndex = from
  const match = region.exec(word)
  return match ? match.index + 2 : word.length
}

/** What must hold of the word before an ending, and of the place where its second region begins. */
type Condition = (before: string, r2: number) => boolean
/** Endings and what takes their place. */
type Ending = readonly [ending: string, by: string, condition: Condition]

const always: Condition = () => true

const table = (...rows: readonly (readonly [endings: string, by: string, condition?: Condition])[]) =>
  rows
    .flatMap(([endings, by, condition = always]): Ending[] =>
      endings.split(' ').map((ending) => [ending, by, condition]),
    )
    .sort((a, b) => b[0].length - a[0].length)

const step2 = table(
  ['tional', 'tion'],
  ['enci', 'ence'],
  ['anci', 'ance'],
  ['abli', 'able'],
  ['entli', 'ent'],
  ['izer ization', 'ize'],
  ['ational ation ator', 'ate'],
  ['alism aliti alli', 'al'],
  ['fulness', 'ful'],
  ['ousli ousness', 'ous'],
  ['iveness iviti', 'ive'],
  ['biliti bli', 'ble'],
  ['ogi', 'og', (before) => before.endsWith('l')],
  ['fulli', 'ful'],
  ['lessli', 'less'],
  ['li', '', (before) => /[cdeghkmnrt]$/.test(before)],
)

const step3 = table(
  ['tional', 'tion'],
  ['ational', 'ate'],
  ['alize', 'al'],
  ['icate iciti ical', 'ic'],
  ['ful ness', ''],
  ['ative', '', (before, r2) => before.length >= r2],
)

const step4 = table(
  ['al ance ence er ic able ible ant ement ment ent ism ate iti ous ive ize', ''],
  ['ion', '', (before) => /[st]$/.test(before)],
)

/** Replaces the longest listed ending, where it begins in the region and its condition holds. */
function replaceEnding(
  word: string,
  endings: readonly Ending[],
  [regionBegin, r2]: readonly [regionBegin: number, r2: number],
): string {
  const found = endings.find(([ending]) => word.endsWith(ending))
  if (!found) return word
  const [ending, by, condition] = found
  const before = word.slice(0, -ending.length)
  return before.length >= regionBegin && condition(before, r2) ? before + by : word
}

function step1a(word: string): string {
  if (word.endsWith('sses')) return word.slice(0, -2)
  if (/ie[ds]$/.test(word)) return word.slice(0, word.length > 4 ? -2 : -1)
  if (/[us]s$/.test(word)) return word
  return /[aeiouy].+s$/.test(word) ? word.slice(0, -1) : word
}

function step1b(word: string, r1: number): string {
  const ending = /(eedly|eed|edly|ed|ingly|ing)$/.exec(word)?.[1]
  if (ending === undefined) return word
  const before = word.slice(0, -ending.length)
  if (ending.startsWith('eed')) return before.length >= r1 ? `${before}ee` : word
  if (!/[aeiouy]/.test(before)) return word
  if (/(at|bl|iz)$/.test(before)) return `${before}e`
  if (doubled.test(before)) return before.slice(0, -1)
  return before.length <= r1 && shortEnd.test(before) ? `${before}e` : before
}

function step5(word: string, r1: number, r2: number): string {
  const before = word.slice(0, -1)
  if (word.endsWith('e'))
    return before.length >= r2 || (before.length >= r1 && !shortEnd.test(before)) ? before : word
  return word.endsWith('ll') && before.length >= r2 ? before : word
}

/** Vowels are a, e, i, o, u and y, but for a y at the beginning or after a vowel: that one is written Y meanwhile. */
function markY(word: string): string {
  return word.replace(/^y/, 'Y').replace(/([aeiouy])y/g, '$1Y')
}

export function stem(given: string): string {
  if (given.length < 3) return given
  const special = exceptions.get(given)
  if (special !== undefined) return special
  const plain = given.replace(/^'/, '')
  const marked = markY(plain)
  const stemmed = stemMarked(marked)
  return marked === plain ? stemmed : stemmed.replaceAll('Y', 'y')
}

function stemMarked(marked: string): string {
  const prefix = /^(gener|commun|arsen)/.exec(marked)
  const r1 = prefix ? prefix[0].length : regionAfter(marked, 0)
  const r2 = regionAfter(marked, r1)
  let word = step1a(marked.replace(/('s'|'s|')$/, ''))
  if (finished.has(word)) return word
  word = step1b(word, r1)
  word = word.replace(/(.[^aeiouy])[yY]$/, '$1i')
  word = replaceEnding(word, step2, [r1, r2])
  word = replaceEnding(word, step3, [r1, r2])
  word = replaceEnding(word, step4, [r2, r2])
  return step5(word, r1, r2)
}
