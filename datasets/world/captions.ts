/** Captions of a scene, as COCO has them: five a picture, each by another hand. */
import { Random } from '../../src/base/index.js'
import type { Description } from './attributes.js'
import { noun, type Voice, variedVoice, withArticle } from './language.js'
import { placeOf } from './places.js'
import type { Scene, Thing } from './scene.js'

const captionsPerPicture = 5

/** @returns five captions; they name every thing, or, where there are several, two of them and how they lie */
export function captionsOf(scene: Scene): string[] {
  const random = new Random(scene.seed, 1)
  return Array.from({ length: captionsPerPicture }, (_, i) =>
    (i % 2 === 0 || scene.things.length < 2 ? listing : relating)(scene, variedVoice(random), random),
  )
}

/** All things, each with its place. */
export function listing({ things }: Scene, voice: Voice, random: Random): string {
  const told = [...random.permutation(things.length)].map((index) => {
    const thing = things[index]!
    return described(someAttributes(thing, random), placeOf(thing), voice)
  })
  return told.join(voice.pick([' and ', ', ', ' with ']))
}

/** Two things and how they lie to one another. */
function relating({ things }: Scene, voice: Voice, random: Random): string {
  const [first, second] = random.permutation(things.length)
  const [a, b] = [things[first!]!, things[second!]!]
  const [dx, dy] = [b.x - a.x, b.y - a.y]
  const word =
    Math.abs(dx) > Math.abs(dy)
      ? voice.pick(dx > 0 ? ['left of', 'to the left of'] : ['right of', 'to the right of'])
      : voice.pick(dy > 0 ? ['above', 'over'] : ['below', 'under'])
  const [what, other] = [a, b].map((thing) => withArticle(noun(someAttributes(thing, random), voice)))
  return `${what} ${word} ${other}`
}

/** Shape and colour always, size and pattern mostly. */
function someAttributes(thing: Thing, random: Random): Description {
  const { size, pattern, colour, shape } = thing
  const told = () => random.uniform() < 0.7
  return {
    ...{ colour, shape },
    ...(told() ? { size } : {}),
    ...(told() ? { pattern } : {}),
  }
}

/** All that can be said of a thing. */
export function wholeDescription({ size, pattern, colour, shape }: Thing): Required<Description> {
  return { size, pattern, colour, shape }
}

/**
 * One thing with all its attributes and its place, and perhaps another: what a model has to see that is to tell a scene
 * from its twin.
 */
export function caption(scene: Scene, index: number, random: Random): string {
  const voice = variedVoice(random)
  const thing = scene.things[index]!
  const told = described(wholeDescription(thing), placeOf(thing), voice)
  const other = random.pick(scene.things)
  if (other === thing || random.uniform() < 0.5) return told
  return `${told}, ${listing({ ...scene, things: [other] }, voice, random)}`
}

/** "a large red star at the top left", or without its place */
export function described(description: Description, place: string | undefined, voice: Voice): string {
  const what = withArticle(noun(description, voice))
  return place === undefined ? what : `${what} ${place}`
}
