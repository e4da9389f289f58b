/**
 * Options of a case by the names of the reference, as options of the program. Nothing is ignored in silence: an
 * option that no rule knows, or a value that the program has no way to follow, makes the case not supported.
 */
import type { z } from 'zod'
import type { Section } from './case.js'
import { NotSupported } from './notSupported.js'

export type Rule =
  /** The program's own option of another name. */
  | { readonly to: string; readonly read?: (value: unknown) => unknown }
  /** The program has no such option and does what the reference does with these values. */
  | { readonly only: readonly unknown[] }
  /** The reference does the same whatever the value. */
  | { readonly noEffect: true }

export type Rules = Readonly<Record<string, Rule>>

export const to = (name: string, read?: (value: unknown) => unknown): Rule => ({
  to: name,
  ...(read ? { read } : {}),
})
export const only = (...values: readonly unknown[]): Rule => ({ only: values })
export const noEffect: Rule = { noEffect: true }

/**
 * @param section what the options belong to, for messages
 * @throws {NotSupported}
 */
export function readOptions(section: string, given: Section, rules: Rules): Record<string, unknown> {
  const read: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    const rule = Object.hasOwn(rules, name) ? rules[name]! : only()
    if ('to' in rule) read[rule.to] = rule.read ? rule.read(value) : value
    else if ('only' in rule && !rule.only.some((known) => isSame(known, value)))
      throw new NotSupported(`${section} option ${name} = ${JSON.stringify(value)}`)
  }
  return read
}

const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

/** @throws {NotSupported} values that the program's option doesn't take */
export function checkOptions<T>(section: string, options: unknown, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(options)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new NotSupported(`${section} option ${issue!.path.join('.')}: ${issue!.message}`)
}
