/** Words for what is in a scene: the same meaning can be said in several ways. */
import type { Random } from '../../src/base/index.js'
import { type Attribute, attributeNames, type Description, type WorldSplit, wordsFor } from './attributes.js'
import { drawRareWord } from './rareWords.js'
import { allThat, type Scene, type Thing } from './scene.js'

/** Chooses among ways to say the same. */
export interface Voice {
  pick<T>(ways: readonly T[]): T
  wordFor(attribute: Attribute, value: string): string
}

/** How the texts of a split are worded. */
export type VoiceOf = (random: Random, split: WorldSplit) => Voice

/** Always the first way: two questions of one meaning are one text. */
export const plainVoice: Voice = {
  pick: ([first]) => first!,
  wordFor: (attribute, value) => wordsFor(attribute, value)[0]!,
}

/** Every way, in common words. */
export const variedVoice = (random: Random): Voice => ({
  pick: (ways) => random.pick(ways),
  wordFor: (attribute, value) => random.pick(wordsFor(attribute, value)),
})

/** Every way, in common and rare words of a split. @param rareShare of the words for attributes */
export const richVoice = (random: Random, split: WorldSplit, rareShare = 0.4): Voice => ({
  pick: (ways) => random.pick(ways),
  wordFor: (attribute, value) =>
    random.uniform() < rareShare
      ? drawRareWord(attribute, value, split, random)
      : random.pick(wordsFor(attribute, value)),
})

const anyNoun = ['thing', 'object', 'figure']
const behind: Readonly<Record<string, string>> = { striped: 'with stripes', dotted: 'with dots' }

/** "small striped red circle": without an article. */
export function noun(
  description: Description,
  voice: Voice,
  options: { readonly plural?: boolean } = {},
): string {
  const { pattern, shape } = description
  const tail = pattern ? voice.pick(['', '', behind[pattern] ?? '']) : ''
  const adjectives = attributeNames.filter((name) => name !== 'shape' && (name !== 'pattern' || tail === ''))
  const words = adjectives.flatMap((name) => {
    const value = description[name]
    return value ? [voice.wordFor(name, value)] : []
  })
  const head = shape ? voice.wordFor('shape', shape) : voice.pick(anyNoun)
  return [...words, options.plural ? pluralOf(head) : head, tail].filter((word) => word !== '').join(' ')
}

export const pluralOf = (word: string) => (/(s|x)$/.test(word) ? `${word}es` : `${word}s`)

export function withArticle(phrase: string): string {
  return `${/^[aeiou]/.test(phrase) ? 'an' : 'a'} ${phrase}`
}

/**
 * Attributes that tell this thing from all others of its scene, in random order and no more than needed.
 *
 * @param hidden attributes that are not to be told
 * @returns `undefined` where the others don't suffice
 */
export function tellApart(
  scene: Scene,
  thing: Thing,
  hidden: readonly Attribute[],
  random: Random,
): Description | undefined {
  const open = attributeNames.filter((name) => !hidden.includes(name))
  let description: Description = {}
  for (const index of random.permutation(open.length)) {
    const name = open[index]!
    description = { ...description, [name]: thing[name] }
    if (allThat(scene, description).length === 1) return description
  }
  return undefined
}

/** Some of a thing's attributes, at least one. */
export function someOf(thing: Thing, most: number, random: Random): Description {
  const order = [...random.permutation(attributeNames.length)].slice(0, 1 + random.integer(most))
  return Object.fromEntries(order.map((index) => [attributeNames[index]!, thing[attributeNames[index]!]]))
}
