/**
 * Patterns over UTF-16 units, written down as one writes them on paper. Blanks outside of sets and literals mean nothing.
 *
 *     'abc' "abc"      a literal, any case
 *     [a-z\x2028] [^…] a set, case exact; \{NAME} in it is a named set; \ takes a character as it is
 *     NAME             a named pattern
 *     words(a b c)     any of these literals, any case; titled(A The): the first letter exact, the rest any case
 *     a b | c          sequence, choice; ( ) ? * + {2,4} as usual
 */
import { complement, type Units, units } from './units.js'

export type Pattern =
  | { readonly kind: 'set'; readonly set: Units }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly Pattern[] }
  /** `most` may be infinite. */
  | { readonly kind: 'repeat'; readonly part: Pattern; readonly least: number; readonly most: number }

export type Names = ReadonlyMap<string, Pattern>

/** What stands for a letter of a literal beside its two cases. */
const alsoMatches: Readonly<Record<string, readonly number[]>> = {
  s: [0x17f],
  k: [0x212a],
  i: [0x130, 0x131],
}

const single = (unit: number): Pattern => ({ kind: 'set', set: [[unit, unit]] })

const known = new Map<string, Pattern>()

/** One object a character, so that what is found out of its set is found once. */
function anyCase(character: string): Pattern {
  const pattern = known.get(character) ?? eitherCase(character)
  known.set(character, pattern)
  return pattern
}

function eitherCase(character: string): Pattern {
  const lower = character.toLowerCase()
  const found = /[a-z]/.test(lower)
    ? [lower.charCodeAt(0), lower.toUpperCase().charCodeAt(0), ...(alsoMatches[lower] ?? [])]
    : [character.charCodeAt(0)]
  return { kind: 'set', set: units(found.map((unit) => [unit, unit] as const)) }
}

const sequence = (parts: readonly Pattern[]): Pattern =>
  parts.length === 1 ? parts[0]! : { kind: 'sequence', parts }
const choice = (parts: readonly Pattern[]): Pattern =>
  parts.length === 1 ? parts[0]! : { kind: 'choice', parts }

const literal = (text: string) => sequence([...text].map(anyCase))
const titled = (word: string) => sequence([single(word.charCodeAt(0)), ...[...word.slice(1)].map(anyCase)])

const wordLists: Readonly<Record<string, (word: string) => Pattern>> = { words: literal, titled }

/** @throws {Error} the text is no pattern, or has a name that isn't there */
export function parsePattern(text: string, names: Names): Pattern {
  return new Parser(text, names).whole()
}

class Parser {
  private at = 0

  constructor(
    private readonly text: string,
    private readonly names: Names,
  ) {}

  whole(): Pattern {
    const pattern = this.choice()
    if (this.at < this.text.length) throw this.error('unexpected character')
    return pattern
  }

  private error(what: string): Error {
    return new Error(`${what} at ${this.at} of the pattern ${this.text}`)
  }

  /** The next character that isn't a blank. */
  private peek(): string {
    while (/\s/.test(this.text[this.at] ?? '')) this.at++
    return this.text[this.at] ?? ''
  }

  /** What matches here (a sticky expression), taken. */
  private take(expression: RegExp): RegExpExecArray | undefined {
    this.peek()
    expression.lastIndex = this.at
    const match = expression.exec(this.text)
    if (match) this.at += match[0].length
    return match ?? undefined
  }

  private choice(): Pattern {
    const parts = [this.sequence()]
    while (this.take(/\|/y)) parts.push(this.sequence())
    return choice(parts)
  }

  private sequence(): Pattern {
    const parts: Pattern[] = []
    while (!['', '|', ')'].includes(this.peek())) parts.push(this.repeated())
    return sequence(parts)
  }

  private repeated(): Pattern {
    let part = this.atom()
    for (;;) {
      const match = this.take(/[?*+]|\{(\d+)(,(\d+))?\}/y)
      if (!match) return part
      const [sign, least, range, most] = match
      const [low, high] = {
        '?': [0, 1],
        '*': [0, Number.POSITIVE_INFINITY],
        '+': [1, Number.POSITIVE_INFINITY],
      }[sign] ?? [Number(least), Number(range ? most : least)]
      part = { kind: 'repeat', part, least: low!, most: high! }
    }
  }

  private atom(): Pattern {
    if (this.take(/\(/y)) {
      const inner = this.choice()
      if (!this.take(/\)/y)) throw this.error('a bracket is not closed')
      return inner
    }
    const quoted = this.take(/'([^']+)'|"([^"]+)"/y)
    if (quoted) return literal(quoted[1] ?? quoted[2]!)
    const list = this.take(/(words|titled)\(([^)]*)\)/y)
    if (list) return choice(list[2]!.trim().split(/\s+/).map(wordLists[list[1]!]!))
    if (this.take(/\[/y)) return { kind: 'set', set: this.set() }
    const name = this.take(/\w+/y)?.[0]
    if (name === undefined) throw this.error('unexpected character')
    return this.named(name)
  }

  private named(name: string): Pattern {
    const pattern = this.names.get(name)
    if (!pattern) throw this.error(`unknown name ${name}`)
    return pattern
  }

  /** After the opening bracket. */
  private set(): Units {
    const negative = this.text[this.at] === '^'
    if (negative) this.at++
    const ranges: (readonly [number, number])[] = []
    while (this.text[this.at] !== ']') {
      const name = this.text.slice(this.at).match(/^\\\{(\w+)\}/)
      if (name) {
        this.at += name[0].length
        ranges.push(...setOf(this.named(name[1]!)))
        continue
      }
      const low = this.unit()
      const isRange = this.text[this.at] === '-' && this.text[this.at + 1] !== ']'
      if (isRange) this.at++
      ranges.push([low, isRange ? this.unit() : low])
    }
    this.at++
    return negative ? complement(units(ranges)) : units(ranges)
  }

  private unit(): number {
    const match = /\\x([0-9A-F]{4})|\\?([\s\S])/y
    match.lastIndex = this.at
    const found = match.exec(this.text)
    if (!found) throw this.error('a set is not closed')
    this.at += found[0].length
    return found[1] === undefined ? found[2]!.charCodeAt(0) : Number.parseInt(found[1], 16)
  }
}

/** The units of a pattern of one unit. */
function setOf(pattern: Pattern): Units {
  if (pattern.kind === 'set') return pattern.set
  if (pattern.kind === 'choice') return units(pattern.parts.flatMap(setOf))
  throw new Error('a named set in brackets is longer than a unit')
}

/** All sets in patterns, each once. */
export function setsIn(patterns: readonly Pattern[]): readonly Units[] {
  const seen = new Set(patterns)
  for (const pattern of seen) {
    if (pattern.kind === 'repeat') seen.add(pattern.part)
    else if (pattern.kind !== 'set') for (const part of pattern.parts) seen.add(part)
  }
  return [...new Set([...seen].flatMap((pattern) => (pattern.kind === 'set' ? [pattern.set] : [])))]
}
