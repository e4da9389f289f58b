/** What things of the built-in world can be like, and the words for it; the first word is the plain one. */
import type { Random } from '../../src/base/index.js'

const attributes = {
  size: { small: ['small', 'little', 'tiny'], large: ['large', 'big', 'huge'] },
  pattern: { plain: ['plain', 'solid'], striped: ['striped', 'stripy'], dotted: ['dotted', 'spotted'] },
  colour: {
    red: ['red'],
    green: ['green'],
    blue: ['blue'],
    yellow: ['yellow'],
    purple: ['purple'],
    black: ['black'],
  },
  shape: {
    circle: ['circle', 'disc'],
    square: ['square', 'box'],
    triangle: ['triangle'],
    star: ['star'],
    heart: ['heart'],
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>

export type Attribute = keyof typeof attributes
export type ValueOf<A extends Attribute> = keyof (typeof attributes)[A] & string

/** What is known of a thing: any of its attributes. */
export type Description = { readonly [A in Attribute]?: ValueOf<A> }

/** In the order in which English puts adjectives before the noun. */
export const attributeNames = Object.keys(attributes) as readonly Attribute[]

export function valuesOf<A extends Attribute>(attribute: A): readonly ValueOf<A>[] {
  return Object.keys(attributes[attribute]) as ValueOf<A>[]
}

/** The words for a value. */
export function wordsFor(attribute: Attribute, value: string): readonly string[] {
  return (attributes[attribute] as Readonly<Record<string, readonly string[]>>)[value]!
}

export const splitNames = ['train', 'val', 'test', 'pretrain'] as const
export type WorldSplit = (typeof splitNames)[number]

const combined = ['pattern', 'colour', 'shape'] as const
export type Combination = { readonly [A in (typeof combined)[number]]: ValueOf<A> }

const combinations: readonly Combination[] = valuesOf('pattern').flatMap((pattern) =>
  valuesOf('colour').flatMap((colour) => valuesOf('shape').map((shape) => ({ pattern, colour, shape }))),
)

/**
 * Patterns, colours and shapes that meet in one split only: of every colour and shape one pattern, by turns in the
 * validation split and in the test. Any two of the three meet in all splits.
 */
export function heldOutFor({ pattern, colour, shape }: Combination): 'val' | 'test' | undefined {
  const [p, c, s] = [
    valuesOf('pattern').indexOf(pattern),
    valuesOf('colour').indexOf(colour),
    valuesOf('shape').indexOf(shape),
  ]
  if ((c + s) % 3 !== p) return undefined
  return (Math.floor(c / 3) + s) % 2 === 0 ? 'val' : 'test'
}

/** The combination of a description that tells all of it. */
export function combinationOf({ pattern, colour, shape }: Description): Combination | undefined {
  return pattern && colour && shape ? { pattern, colour, shape } : undefined
}

const everywhere = combinations.filter((combination) => heldOutFor(combination) === undefined)
const heldOut = {
  val: combinations.filter((combination) => heldOutFor(combination) === 'val'),
  test: combinations.filter((combination) => heldOutFor(combination) === 'test'),
} as const

/** Share of the things in the validation and test pictures whose combination no other split has. */
const heldOutShare = 0.3

/** Pattern, colour and shape of a thing of a split. */
export function drawCombination(split: WorldSplit, random: Random): Combination {
  const own = split === 'val' || split === 'test' ? heldOut[split] : []
  const from = own.length > 0 && random.uniform() < heldOutShare ? own : everywhere
  return random.pick(from)
}
