/** The tokenizer's rules, run over a text. */
import { Automaton } from '../automaton/automaton.js'
import { type Pattern, parsePattern, setsIn } from '../automaton/pattern.js'
import { classify } from '../automaton/units.js'
import { blocks } from './blocks.js'
import { unchanged } from './changes.js'
import { type Rule, rules } from './rules.js'

/** What happens to a match of a rule. */
interface Compiled extends Required<Omit<Rule, 'pattern' | 'before'>> {
  /** Its two halves as automata of their own, where there are two. */
  readonly halves: { readonly pattern: Automaton; readonly before: Automaton } | undefined
}

export const lineEnd = '\n'

interface Lexer {
  readonly all: Automaton
  readonly rules: readonly Compiled[]
}

function compile(): Lexer {
  const parsed = rules.map((rule) => ({
    rule,
    pattern: parsePattern(rule.pattern, blocks),
    ...(rule.before === undefined ? {} : { before: parsePattern(rule.before, blocks) }),
  }))
  const whole = ({ pattern, before }: (typeof parsed)[number]): Pattern =>
    before ? { kind: 'sequence', parts: [pattern, before] } : pattern
  const classes = classify(setsIn(parsed.map(whole)))
  return {
    all: new Automaton(parsed.map(whole), classes),
    rules: parsed.map(({ rule, pattern, before }) => ({
      giveBack: rule.giveBack ?? 0,
      keep: rule.keep ?? false,
      change: rule.change ?? unchanged,
      drops: rule.drops ?? false,
      endsLine: rule.endsLine ?? false,
      halves: before && {
        pattern: new Automaton([pattern], classes),
        before: new Automaton([before], classes),
      },
    })),
  }
}

let compiled: Lexer | undefined

/** Where the token ends of a match that ends at `end`, what has to follow included. */
function splitAt({ halves }: Compiled, text: string, begin: number, end: number): number {
  if (!halves) return end
  const ends = halves.pattern.endings(text, begin, end)
  return ends.findLast((at) => halves.before.matches(text, at, end))!
}

/**
 * The tokens of a text, in their own case; a line end is a token {@link lineEnd} of its own.
 *
 * @param take called with every token, in order
 */
export function lex(text: string, take: (token: string) => void): void {
  compiled ??= compile()
  let begin = 0
  while (begin < text.length) {
    const { end, pattern } = compiled.all.longest(text, begin)
    if (pattern < 0) throw new Error(`no rule for U+${text.charCodeAt(begin).toString(16)}`)
    const rule = compiled.rules[pattern]!
    if (rule.drops) begin = end
    else begin += takeMatch(rule, text.slice(begin, splitAt(rule, text, begin, end)), take)
  }
}

/** @returns how much of the match is read */
function takeMatch(
  { giveBack, keep, change, endsLine }: Compiled,
  matched: string,
  take: (token: string) => void,
): number {
  const back = typeof giveBack === 'number' ? giveBack : giveBack(matched)
  const keeps = typeof keep === 'boolean' ? keep : keep(matched)
  const kept = keeps ? matched : matched.slice(0, matched.length - back)
  take(endsLine ? lineEnd : change(kept))
  return matched.length - back
}
