/** How answers that are numbers go along with their labels, in percent; 0 where that has no answer. */
import { parseFloatAsPython } from './pythonText.js'

/** What an answer that is no number counts as (Reference: `string_to_float`). */
const illFormed = -1

/** Pearson's coefficient of the texts as numbers. */
export function pearson(answers: readonly string[], labels: readonly string[]): number {
  return inPercent(coefficient(answers.map(numberOf), labels.map(numberOf)))
}

/** Spearman's: Pearson's coefficient of ranks; equal numbers share the mean of theirs. */
export function spearman(answers: readonly string[], labels: readonly string[]): number {
  return inPercent(coefficient(ranks(answers.map(numberOf)), ranks(labels.map(numberOf))))
}

const numberOf = (text: string) => parseFloatAsPython(text) ?? illFormed

/** A list that is constant, or has what is no number in it, correlates with nothing. */
const inPercent = (value: number) => (Number.isNaN(value) ? 0 : 100 * value)

function coefficient(x: readonly number[], y: readonly number[]): number {
  const [a, b] = [centred(x), centred(y)]
  const value = dot(a, b) / (Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b)))
  return Math.max(-1, Math.min(1, value))
}

function centred(values: readonly number[]): number[] {
  if (values.every((value) => value === values[0])) return values.map(() => 0) // rounding would leave some
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return values.map((value) => value - mean)
}

const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, value, i) => sum + value * b[i]!, 0)

/** From 1. Not a number anywhere: all are. */
function ranks(values: readonly number[]): number[] {
  if (values.some(Number.isNaN)) return values.map(() => Number.NaN)
  const order = [...values.keys()].sort((a, b) => compare(values[a]!, values[b]!))
  const found = new Array<number>(values.length)
  for (let begin = 0; begin < order.length; ) {
    let end = begin + 1
    while (end < order.length && values[order[end]!] === values[order[begin]!]) end++
    for (const index of order.slice(begin, end)) found[index] = (begin + end + 1) / 2
    begin = end
  }
  return found
}

const compare = (a: number, b: number) => (a === b ? 0 : a < b ? -1 : 1)
