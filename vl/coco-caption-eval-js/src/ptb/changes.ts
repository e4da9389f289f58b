/** What a rule of the tokenizer makes of the text that it matched. */
export type Change = (text: string) => string

export const unchanged: Change = (text) => text
export const become =
  (token: string): Change =>
  () =>
    token

const softHyphen = /\u00ad/g

export const noSoftHyphens: Change = (text) =>
  text.includes('\u00ad') ? text.replace(softHyphen, '') || '-' : text
export const blanksKept: Change = (text) => text.replaceAll(' ', '\u00a0')
export const ampersands: Change = (text) => text.replace(/&amp;/gi, '&')
export const brackets: Change = (text) => text.replaceAll('(', '-LRB-').replaceAll(')', '-RRB-')
export const phone: Change = (text) => brackets(blanksKept(text))
export const dashes: Change = (text) => (text.length === 3 || text.length === 4 ? '--' : text)

const fractions: Readonly<Record<string, string>> = {
  '¼': '1/4',
  '½': '1/2',
  '¾': '3/4',
  '⅓': '1/3',
  '⅔': '2/3',
}
export const fraction: Change = (text) => fractions[text] ?? text

const currencies: Readonly<Record<string, string>> = {
  '¢': 'cents',
  '£': '#',
  '\u0080': '$',
  '¤': '$',
  '\u20a0': '$',
  '€': '$',
}
export const currency: Change = (text) => currencies[text] ?? text

const quotes =
  (single: string, double: string): Change =>
  (text) =>
    text
      .replace(/'|&apos;/g, single)
      .replace(/"|&quot;/g, double)
      .replace(/[\u0091\u2018\u201b\u2039]/g, '`')
      .replace(/[\u0092\u2019\u203a]/g, "'")
      .replace(/[\u0093\u201c\u00ab]/g, '``')
      .replace(/[\u0094\u201d\u00bb]/g, "''")

export const quoteLeft = quotes('`', '``')
export const quoteRight = quotes("'", "''")
