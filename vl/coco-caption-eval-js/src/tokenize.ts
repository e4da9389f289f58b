/** Captions as the metrics see them: lower-case tokens with one space between, most punctuation gone. */
import { lex, lineEnd } from './ptb/lexer.js'
import { stripEnd } from './whiteSpace.js'

/** Dropped where a token is one of these. Brackets stay: by then tokens are lower case. */
const punctuation = new Set("' '' ` `` -LRB- -RRB- -LCB- -RCB- . ? ! , : - -- ... ;".split(' ').concat(''))

export const tokenizations = ['official', 'separate'] as const

/**
 * How captions are cut into tokens.
 *
 * - `official`: as the COCO evaluation does, all captions as one text, a line each. What stands before a line's end is
 *   read with the next line in view (`in the U.S.` before `The cat`), and a caption with another line end in it
 *   (U+2028, a carriage return, …) shifts all later ones by a line.
 * - `separate`: each caption alone. The order of captions means nothing.
 */
export type Tokenization = (typeof tokenizations)[number]

export interface Tokenized {
  /** One per caption, in order: of more lines the last ones are dropped. */
  readonly captions: readonly string[]
  /** Lines that there were: other than the number of captions where they are shifted. */
  readonly lines: number
}

/** Tokens of one call of the tokenizer: all captions that are read as one text. */
export function tokenize(captions: readonly string[], how: Tokenization = 'official'): Tokenized {
  return ways[how](captions.map((caption) => caption.replaceAll('\n', ' ')))
}

const ways: Readonly<Record<Tokenization, (captions: readonly string[]) => Tokenized>> = {
  official: (captions) => {
    const lines = linesOf(captions.join('\n'))
    return { captions: lines.slice(0, captions.length).map(withoutPunctuation), lines: lines.length }
  },
  separate: (captions) => ({
    captions: captions.map((caption) => withoutPunctuation(linesOf(caption).join(' '))),
    lines: captions.length,
  }),
}

/** Tokens of every line with a space between. */
function linesOf(text: string): string[] {
  const lines: string[] = []
  let tokens: string[] = []
  const end = () => {
    const line = tokens.join(' ').toLowerCase()
    if (line.includes(lineEnd))
      lines.push(...line.split(lineEnd)) // in a tag, for one
    else lines.push(line)
    tokens = []
  }
  lex(text, (token) => {
    if (token === lineEnd) end()
    else tokens.push(token)
  })
  end()
  return lines
}

/** Most lines: of words alone. */
const plainLine = /^[a-z]+(?: [a-z]+)*$/

function withoutPunctuation(line: string): string {
  if (plainLine.test(line)) return line
  return stripEnd(line)
    .split(' ')
    .filter((token) => !punctuation.has(token))
    .join(' ')
}
