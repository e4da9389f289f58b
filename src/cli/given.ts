/** What was typed for a command without settings of its own, option by option. */
import { UserError } from '../base/index.js'
import { cacheFolder } from '../files/index.js'
import { readNumber } from './numbers.js'

export type Typed = Readonly<Record<string, unknown>>

/**
 * The text of an option; one that is given twice counts as it was given last.
 *
 * @param wants what an error asks for
 * @throws {UserError} the text is empty
 */
export function textOf(typed: Typed, option: string, wants: string): string | undefined {
  const last = [typed[option]].flat().at(-1)
  if (last === undefined) return undefined
  const text = String(last)
  if (text.trim() === '') throw new UserError(`--${option} has no value: give ${wants}`)
  return text
}

/** @throws {UserError} the text is none of these words */
export function choiceOf<T extends string>(typed: Typed, option: string, words: readonly T[]): T | undefined {
  const text = textOf(typed, option, `one of ${words.join(', ')}`)
  const word = words.find((each) => each === text)
  if (text === undefined || word !== undefined) return word
  throw new UserError(`--${option} ${text}: give one of ${words.join(', ')}`)
}

/** @throws {UserError} it is no whole number from 1 */
export function countOf(typed: Typed, option: string): number | undefined {
  const wants = 'a whole number from 1'
  const text = textOf(typed, option, wants)
  if (text === undefined) return undefined
  const count = readNumber(text)
  if (Number.isInteger(count) && Number(count) >= 1) return Number(count)
  throw new UserError(`--${option} ${text}: give ${wants}`)
}

/** Every option as it was given last; `_`, what was typed without one, stays whole. */
export function lastOf(typed: Typed): Typed {
  return Object.fromEntries(
    Object.entries(typed).map(([name, value]) => [
      name,
      Array.isArray(value) && name !== '_' ? value.at(-1) : value,
    ]),
  )
}

/** The folder for what can be made again. */
export const cacheOf = (typed: Typed): string => cacheFolder(textOf(typed, 'cache', 'a path'))

export const threadsOf = (typed: Typed): number | undefined => countOf(typed, 'threads')
