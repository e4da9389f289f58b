/** Words for what is in a scene: the same meaning can be said in several ways. */
import type { Random } from '../../src/base/index.js'
import { type Attribute, attributeNames, type Description, wordsFor } from './attributes.js'
import { allThat, type Scene, type Thing } from './scene.js'

/** Chooses among ways to say the same. */
export interface Voice {
  pick<T>(ways: readonly T[]): T
}

/** Always the first way: two questions of one meaning are one text. */
export const plainVoice: Voice = { pick: ([first]) => first! }

export const variedVoice = (random: Random): Voice => ({ pick: (ways) => random.pick(ways) })

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
    return value ? [voice.pick(wordsFor(name, value))] : []
  })
  const head = voice.pick(shape ? wordsFor('shape', shape) : anyNoun)
  return [...words, options.plural ? pluralOf(head) : head, tail].filter((word) => word !== '').join(' ')
}

const pluralOf = (word: string) => (/(s|x)$/.test(word) ? `${word}es` : `${word}s`)

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
