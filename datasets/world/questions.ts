/** Everything that can be asked about a scene: a row a kind of question. */
import type { Random } from '../../src/base/index.js'
import {
  type Attribute,
  attributeNames,
  combinationOf,
  type Description,
  heldOutFor,
  valuesOf,
  type WorldSplit,
} from './attributes.js'
import { noun, someOf, tellApart, type Voice, withArticle } from './language.js'
import { apart, offMiddle } from './places.js'
import { allThat, matches, type Scene, type Thing } from './scene.js'

export interface Asked {
  readonly answer: string
  /** The question in one of its ways. */
  readonly say: (voice: Voice) => string
  /** What annotators who disagree may have said instead. */
  readonly others: readonly string[]
}

export interface QuestionKind {
  readonly name: string
  /** VQA's kinds of answers. */
  readonly answerType: 'yes/no' | 'number' | 'other'
  /** How often it is asked, beside the others. */
  readonly weight: number
  /** @returns `undefined` where nothing of the kind can be asked, with one answer, about the scene */
  ask(scene: Scene, split: WorldSplit, random: Random): Asked | undefined
}

const yesOrNo = (yes: boolean) => ({ answer: yes ? 'yes' : 'no', others: [yes ? 'no' : 'yes'] })

/** A value of any attribute. */
function anyValue(random: Random): Description {
  const name = random.pick(attributeNames)
  return { [name]: random.pick<string>(valuesOf(name)) }
}

/** Two things of a scene in random order, where there are two. */
function two({ things }: Scene, random: Random): readonly [Thing, Thing] | undefined {
  const [a, b] = random.permutation(things.length)
  return b === undefined ? undefined : [things[a!]!, things[b]!]
}

/** Whether a split may speak of this: combinations that are held out are not even named elsewhere. */
export function speakable(description: Description, split: WorldSplit): boolean {
  const combination = combinationOf(description)
  const owner = combination && heldOutFor(combination)
  return owner === undefined || owner === split
}

/** The description with one attribute changed. */
function changed(description: Description, random: Random): Description {
  const name = random.pick(attributeNames.filter((attribute) => description[attribute]))
  const other = valuesOf(name).filter((value) => value !== description[name])
  return { ...description, [name]: random.pick(other) }
}

const exists: QuestionKind = {
  name: 'is there',
  answerType: 'yes/no',
  weight: 3,
  ask(scene, split, random) {
    const given = someOf(random.pick(scene.things), 3, random)
    const description = random.uniform() < 0.5 ? given : changed(given, random)
    if (!speakable(description, split)) return undefined
    return {
      ...yesOrNo(allThat(scene, description).length > 0),
      say: (voice) => {
        const what = withArticle(noun(description, voice))
        return voice.pick([`is there ${what}?`, `can you see ${what}?`, `does the picture show ${what}?`])
      },
    }
  },
}

const existsNot: QuestionKind = {
  name: 'is nothing',
  answerType: 'yes/no',
  weight: 0.5,
  ask(scene, _, random) {
    const description = anyValue(random)
    return {
      ...yesOrNo(allThat(scene, description).length === 0),
      say: (voice) => {
        const what = noun(description, voice)
        return voice.pick([`is there no ${what}?`, `is it true that you can not see ${withArticle(what)}?`])
      },
    }
  },
}

const attributeQuestions: Readonly<Record<Attribute, (what: string) => readonly string[]>> = {
  size: (what) => [`is ${what} large or small?`, `how large is ${what}?`, `what size does ${what} have?`],
  pattern: (what) => [
    `what pattern does ${what} have?`,
    `is ${what} plain, striped or dotted?`,
    `what is the pattern of ${what}?`,
  ],
  colour: (what) => [
    `what colour is ${what}?`,
    `which color does ${what} have?`,
    `what is the colour of ${what}?`,
  ],
  shape: (what) => [
    `what shape is ${what}?`,
    `which shape does ${what} have?`,
    `what kind of figure is ${what}?`,
  ],
}

/** What a thing, told by its other attributes, is like. */
function attributeKind(attribute: Attribute, name: string, weight: number): QuestionKind {
  return {
    ...{ name, answerType: 'other', weight },
    ask(scene, split, random) {
      const thing = random.pick(scene.things)
      const description = tellApart(scene, thing, [attribute], random)
      if (!description || !speakable(description, split)) return undefined
      return {
        ...valueAsked(thing, attribute),
        say: (voice) => voice.pick(attributeQuestions[attribute](`the ${noun(description, voice)}`)),
      }
    },
  }
}

function valueAsked(thing: Thing, attribute: Attribute): Omit<Asked, 'say'> {
  const answer: string = thing[attribute]
  return { answer, others: valuesOf(attribute).filter((value) => value !== answer) }
}

const count: QuestionKind = {
  name: 'how many',
  answerType: 'number',
  weight: 0.75,
  ask(scene, _, random) {
    const description = anyValue(random)
    const negated = random.uniform() < 0.25
    const matching = allThat(scene, description).length
    const number = negated ? scene.things.length - matching : matching
    return {
      answer: String(number),
      others: [String(number + 1), String(Math.max(0, number - 1))],
      say: (voice) => {
        const what = noun(description, voice, { plural: true })
        const things = negated ? `things that are not ${what}` : what
        return voice.pick([
          `how many ${things} are there?`,
          `how many ${things} can you see?`,
          `count the ${things}.`,
        ])
      },
    }
  },
}

const axes = [
  { axis: 'x', before: 'left', after: 'right', where: (side: string) => [`${side} of`, `to the ${side} of`] },
  {
    axis: 'y',
    before: 'top',
    after: 'bottom',
    where: (side: string) => (side === 'top' ? ['above', 'higher than'] : ['below', 'lower than']),
  },
] as const

const side: QuestionKind = {
  name: 'on which side',
  answerType: 'other',
  weight: 2,
  ask(scene, split, random) {
    const { axis, before, after } = random.pick(axes)
    const thing = random.pick(scene.things)
    const description = tellApart(scene, thing, [], random)
    const off = offMiddle(thing[axis])
    if (!description || !speakable(description, split) || off === 0) return undefined
    const [answer, other] = off < 0 ? [before, after] : [after, before]
    return {
      ...{ answer, others: [other] },
      say: (voice) => {
        const what = `the ${noun(description, voice)}`
        return voice.pick([
          `is ${what} at the ${before} or at the ${after}?`,
          `is ${what} more to the ${after} or to the ${before}?`,
        ])
      },
    }
  },
}

const relation: QuestionKind = {
  name: 'is it beside',
  answerType: 'yes/no',
  weight: 0.25,
  ask(scene, split, random) {
    const { axis, before, after, where } = random.pick(axes)
    const pair = two(scene, random)
    if (!pair) return undefined
    const told = pair.map((thing) => tellApart(scene, thing, [], random))
    const distance = pair[1][axis] - pair[0][axis]
    if (!told.every((d) => d && speakable(d, split)) || Math.abs(distance) < apart) return undefined
    const asked = random.pick([before, after])
    return {
      ...yesOrNo(asked === (distance > 0 ? before : after)),
      say: (voice) => {
        const [a, b] = told.map((d) => `the ${noun(d!, voice)}`)
        return `is ${a} ${voice.pick(where(asked))} ${b}?`
      },
    }
  },
}

const neighbour: QuestionKind = {
  name: 'what is beside',
  answerType: 'other',
  weight: 0.25,
  ask(scene, split, random) {
    const { axis, before, after, where } = random.pick(axes)
    const asked = random.pick([before, after])
    const anchor = random.pick(scene.things)
    const offs = scene.things.map((thing) => (thing[axis] - anchor[axis]) * (asked === before ? -1 : 1))
    const there = scene.things.filter((_, i) => offs[i]! >= apart)
    const unclear = scene.things.some((thing, i) => thing !== anchor && Math.abs(offs[i]!) < apart)
    const description = tellApart(scene, anchor, [], random)
    if (there.length !== 1 || unclear || !description || !speakable(description, split)) return undefined
    const attribute = random.pick(['colour', 'shape'] as const)
    return {
      ...valueAsked(there[0]!, attribute),
      say: (voice) => {
        const what = `the ${noun({}, voice)} ${voice.pick(where(asked))} the ${noun(description, voice)}`
        return voice.pick(attributeQuestions[attribute](what))
      },
    }
  },
}

const larger: QuestionKind = {
  name: 'which is larger',
  answerType: 'other',
  weight: 0.25,
  ask(scene, _, random) {
    const pair = two(scene, random)
    if (!pair) return undefined
    const by = random.pick(['colour', 'shape'] as const)
    const told = pair.map((thing) => ({ [by]: thing[by] }) as Description)
    const unique = told.every((description) => allThat(scene, description).length === 1)
    if (!unique || pair[0].size === pair[1].size) return undefined
    const asked = random.pick(['large', 'small'] as const)
    const [chosen, other] = pair[0].size === asked ? pair : [pair[1], pair[0]]
    return {
      ...{ answer: chosen[by], others: [other[by]] },
      say: (voice) => {
        const word = voice.pick(asked === 'large' ? ['larger', 'bigger'] : ['smaller'])
        const [a, b] = told.map((description) => `the ${noun(description, voice)}`)
        return voice.pick([`which is ${word}, ${a} or ${b}?`, `which one is ${word}: ${a} or ${b}?`])
      },
    }
  },
}

const same: QuestionKind = {
  name: 'is it the same',
  answerType: 'yes/no',
  weight: 0.25,
  ask(scene, split, random) {
    const attribute = random.pick(attributeNames)
    const pair = two(scene, random)
    if (!pair) return undefined
    const told = pair.map((thing) => tellApart(scene, thing, [attribute], random))
    if (!told.every((d) => d && speakable(d, split))) return undefined
    return {
      ...yesOrNo(pair[0][attribute] === pair[1][attribute]),
      say: (voice) => {
        const [a, b] = told.map((d) => `the ${noun(d!, voice)}`)
        return voice.pick([
          `do ${a} and ${b} have the same ${attribute}?`,
          `is the ${attribute} of ${a} and ${b} the same?`,
        ])
      },
    }
  },
}

const more: QuestionKind = {
  name: 'are there more',
  answerType: 'yes/no',
  weight: 0.25,
  ask(scene, _, random) {
    const name = random.pick(attributeNames)
    const value = random.pick(scene.things)[name]
    const other = random.pick(valuesOf(name).filter((candidate) => candidate !== value))
    const told = (random.uniform() < 0.5 ? [value, other] : [other, value]).map(
      (v) => ({ [name]: v }) as Description,
    )
    const [a, b] = told.map((description) => allThat(scene, description).length)
    return {
      ...yesOrNo(a! > b!),
      say: (voice) => {
        const [these, those] = told.map((description) => noun(description, voice, { plural: true }))
        return voice.pick([
          `are there more ${these} than ${those}?`,
          `are there fewer ${those} than ${these}?`,
        ])
      },
    }
  },
}

const except: QuestionKind = {
  name: 'which is not',
  answerType: 'other',
  weight: 0.5,
  ask(scene, _, random) {
    const hidden = random.pick(attributeNames)
    const name = random.pick(attributeNames.filter((attribute) => attribute !== hidden))
    const description = { [name]: random.pick(scene.things)[name] } as Description
    const rest = scene.things.filter((thing) => !matches(thing, description))
    if (rest.length !== 1) return undefined
    return {
      ...valueAsked(rest[0]!, hidden),
      say: (voice) => {
        const what = voice.pick([withArticle(noun(description, voice))])
        const who = `the ${noun({}, voice)} that is not ${what}`
        return voice.pick(attributeQuestions[hidden](who))
      },
    }
  },
}

/** Every kind of question. A new one is one row here. */
export const questionKinds: readonly QuestionKind[] = [
  exists,
  existsNot,
  attributeKind('colour', 'what colour', 3),
  attributeKind('shape', 'what shape', 3),
  attributeKind('pattern', 'what pattern', 2.5),
  attributeKind('size', 'what size', 2.5),
  count,
  side,
  relation,
  neighbour,
  larger,
  same,
  more,
  except,
]
