/** How the text of an option becomes a value. What the value may be is its field's own schema's business. */
import { z } from 'zod'
import { deviceKinds } from '../runtime/index.js'
import { readNumber } from './numbers.js'

export interface Kind {
  /** @returns undefined where the text means nothing of this kind */
  read(text: string): unknown
  /** What to give, as an error says it. */
  wants(schema: z.ZodType): string
}

function number(wants: string): Kind {
  return { read: readNumber, wants: () => wants }
}

/** A number, or one word that means something else. */
function numberOr(word: string, value: unknown, wants: string): Kind {
  return { read: (text) => (text === word ? value : readNumber(text)), wants: () => wants }
}

const flagValues = new Map([
  ['', true],
  ['on', true],
  ['true', true],
  ['off', false],
  ['false', false],
])

const layerWords = new Map<string, readonly number[] | null>([
  ['none', []],
  ['all', null],
])

export const kinds = {
  text: { read: (text) => (text === '' ? undefined : text), wants: () => 'a value' },
  choice: { read: (text) => text, wants: (schema) => `one of ${choicesOf(schema).join(', ')}` },
  /** Without a value: on. */
  flag: { read: (text) => flagValues.get(text), wants: () => 'on or off' },
  whole: number('a whole number from 1'),
  wholeFromZero: number('a whole number from 0'),
  wholeOrNone: numberOr('none', null, 'a whole number from 1, or none'),
  wholeFromZeroOrNone: numberOr('none', null, 'a whole number from 0, or none'),
  steps: numberOr('epoch', 'epoch', 'a number of steps from 1, or epoch'),
  any: number('a number'),
  positive: number('a number above 0'),
  fromZero: number('a number from 0'),
  share: number('a number from 0 to 1'),
  belowOne: number('a number from 0 to below 1'),
  /** No word means null. */
  device: { read: (text) => text, wants: () => `one of ${deviceKinds.join(', ')}` },
  devices: {
    read: (text) => (text === 'none' ? null : text.split(',').map(numberInList)),
    wants: () => 'device numbers from 0, such as 0,1, or none',
  },
  layers: {
    read: (text) => (layerWords.has(text) ? layerWords.get(text) : text.split(',').map(numberInList)),
    wants: () => 'layer numbers from 0, such as 0,2,4, or none, or all',
  },
} as const satisfies Record<string, Kind>

function numberInList(text: string): number {
  return /^\s*\d+\s*$/.test(text) ? Number(text) : Number.NaN
}

/** The words that a schema allows; none where it allows anything. */
function choicesOf(schema: z.ZodType): readonly string[] {
  const { enum: words } = z.toJSONSchema(schema, { unrepresentable: 'any' })
  return (words ?? []).map(String)
}
