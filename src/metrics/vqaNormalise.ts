/**
 * Answer normalisation of the official VQA evaluation (GT-Vision-Lab/VQA, `vqaEval.py`), slips included:
 * scores are comparable only if everyone makes the same ones.
 */
import { blanks, strip } from './pythonText.js'
import { contractions } from './vqaContractions.js'

const punctuation = [...';/[]"{}()=+\\_-><@`,?!']

const numberWords: ReadonlyMap<string, string> = new Map(
  Object.entries({
    none: '0',
    zero: '0',
    one: '1',
    two: '2',
    three: '3',
    four: '4',
    five: '5',
    six: '6',
    seven: '7',
    eight: '8',
    nine: '9',
    ten: '10',
  }),
)

const articles: ReadonlySet<string> = new Set(['a', 'an', 'the'])

/** The official code passes a flag where the number of periods to remove belongs. */
const mostPeriods = 32

/** Newlines and tabs become blanks, blanks at both ends go. */
export function tidyAnswer(text: string): string {
  return strip(text.replace(/[\n\t]/g, ' '))
}

/**
 * Removes or blanks out punctuation. A sign is removed where it touches a blank anywhere in the answer,
 * or the answer has a number like 1,000; else it becomes a blank. Periods not before a digit go.
 */
export function stripPunctuation(text: string): string {
  const thousands = /\p{Nd},\p{Nd}/u.test(text)
  let result = text
  for (const sign of punctuation) {
    const removed = thousands || text.includes(`${sign} `) || text.includes(` ${sign}`)
    result = result.replaceAll(sign, removed ? '' : ' ')
  }
  let periods = 0
  return result.replace(/\.(?!\p{Nd})/gu, (period) => (periods++ < mostPeriods ? '' : period))
}

/** Lower case, number words to digits, no articles, apostrophes put back into contractions. */
export function mapWords(text: string): string {
  return text
    .toLowerCase()
    .split(blanks)
    .filter((word) => word !== '')
    .map((word) => numberWords.get(word) ?? word)
    .filter((word) => !articles.has(word))
    .map((word) => contractions.get(word) ?? word)
    .join(' ')
}

/** An answer as the official evaluation compares it: tidied, without punctuation, its words mapped. */
export function normaliseAnswer(text: string): string {
  return mapWords(stripPunctuation(tidyAnswer(text)))
}

/** An answer as the reference trains it: normalised, then without commas. */
export function normaliseTrainingAnswer(text: string): string {
  return normaliseAnswer(text).replaceAll(',', '')
}
