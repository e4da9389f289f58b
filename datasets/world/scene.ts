/** Scenes of the built-in world: a few things on a background. A scene is a function of seed, split and number. */
import { Random } from '../../src/base/index.js'
import {
  type Attribute,
  attributeNames,
  type Description,
  drawCombination,
  heldOutFor,
  splitNames,
  type ValueOf,
  valuesOf,
  type WorldSplit,
} from './attributes.js'

/** Pixels a side of every picture. */
export const pictureSide = 96

export interface Thing extends Required<Description> {
  /** Centre, in pixels from the left and from the top. */
  readonly x: number
  readonly y: number
  /** Of the circle around it, in pixels. */
  readonly radius: number
  /** Degrees, clockwise. */
  readonly angle: number
}

export interface Scene {
  /** Later ones lie over earlier ones. */
  readonly things: readonly Thing[]
  /** One of the grounds that are drawn. */
  readonly background: number
  /** Of the noise on the pixels, and of everything that is said about the scene. */
  readonly seed: number
}

const backgroundCount = 6

const radii: Readonly<Record<ValueOf<'size'>, readonly [least: number, most: number]>> = {
  small: [10, 12],
  large: [17, 20],
}

/** How many things a picture has; the built-in models learned from pictures of two or three. */
const counts: Readonly<Record<WorldSplit, readonly number[]>> = {
  train: [1, 2, 3],
  val: [1, 2, 3],
  test: [1, 2, 3],
  pretrain: [2, 3],
}

/** Things may overlap by this share of their radii's sum, at most. */
const overlap = 0.12
const margin = 2

/** Scene `index` of a split. */
export function makeScene(seed: number, split: WorldSplit, index: number): Scene {
  const sceneSeed = new Random(seed, splitNames.indexOf(split), index).uint32()
  const random = new Random(sceneSeed)
  const count = random.pick(counts[split])
  const things: Thing[] = []
  while (things.length < count) {
    const thing = makeThing(split, things, random)
    if (thing) things.push(thing)
  }
  return { things, background: random.integer(backgroundCount), seed: sceneSeed }
}

/** @returns `undefined` where there was no room, or another thing looks the same */
function makeThing(split: WorldSplit, others: readonly Thing[], random: Random): Thing | undefined {
  const draw = <A extends Attribute>(attribute: A): ValueOf<A> => random.pick(valuesOf(attribute))
  const size = draw('size')
  const [least, most] = radii[size]
  const radius = round(least + (most - least) * random.uniform())
  const place = () => round(radius + margin + (pictureSide - 2 * (radius + margin)) * random.uniform())
  const thing: Thing = {
    ...drawCombination(split, random),
    ...{ size, x: place(), y: place(), radius },
    angle: round(-10 + 20 * random.uniform()),
  }
  const fits = others.every(
    (other) => Math.hypot(other.x - thing.x, other.y - thing.y) >= (1 - overlap) * (other.radius + radius),
  )
  const looksAlike = others.some((other) => attributeNames.every((name) => other[name] === thing[name]))
  return fits && !looksAlike ? thing : undefined
}

/** To a tenth: what is written down is what is drawn. */
const round = (value: number) => Math.round(value * 10) / 10

export function matches(thing: Description, description: Description): boolean {
  return attributeNames.every((name) => description[name] === undefined || thing[name] === description[name])
}

/** The things that a description fits. */
export function allThat({ things }: Scene, description: Description): readonly Thing[] {
  return things.filter((thing) => matches(thing, description))
}

/** A scene that differs in one attribute of one thing; nothing that is held out comes into it. */
export interface Twin {
  readonly twin: Scene
  /** The place of the thing in both. */
  readonly different: number
}

/** How often a twin differs in what: what is hard to see more often. */
const twinWeights: Readonly<Record<Attribute, number>> = {
  size: 0.15,
  pattern: 0.25,
  colour: 0.15,
  shape: 0.45,
}

export function twinOf(scene: Scene, random: Random): Twin {
  const different = random.integer(scene.things.length)
  const thing = scene.things[different]!
  const others = scene.things.filter((_, i) => i !== different)
  for (;;) {
    const name = random.weighted(attributeNames, (attribute) => twinWeights[attribute])!
    const changed: Thing = { ...thing, [name]: random.pick<string>(valuesOf(name)) } as Thing
    if (changed[name] === thing[name] || heldOutFor(changed) !== undefined) continue
    const [least, most] = radii[changed.size]
    const sized = name === 'size' ? { ...changed, radius: round((least + most) / 2) } : changed
    if (others.some((other) => attributeNames.every((attribute) => other[attribute] === sized[attribute])))
      continue
    const things = scene.things.map((each, i) => (i === different ? sized : each))
    return { different, twin: { ...scene, things, seed: random.uint32() } }
  }
}
