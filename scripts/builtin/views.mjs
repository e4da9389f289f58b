/** Pictures and texts for the built-in CLIP: scenes in pairs that differ in one thing, moved and mirrored. */

import {
  caption,
  corpusScene,
  described,
  matches,
  placeOf,
  renderScene,
  twinOf,
  variedVoice,
  wholeDescription,
} from '../../dist/datasets/world/index.js'
import { Random } from '../../dist/src/base/index.js'
import { decodePicture } from '../../dist/vl/index.js'

const drawnAtOnce = 32

/**
 * A scene, its twin, and the thing that differs.
 *
 * @returns {Promise<{scene, picture: Uint8Array, different: number}[][]>} `count` pairs
 */
export async function drawPairs(count, firstScene) {
  const pairs = []
  for (let begin = 0; begin < count; begin += drawnAtOnce) {
    const some = Array.from(
      { length: Math.min(drawnAtOnce, count - begin) },
      (_, i) => firstScene + begin + i,
    )
    pairs.push(...(await Promise.all(some.map(drawPair))))
  }
  return pairs
}

async function drawPair(index) {
  const scene = corpusScene(index)
  const { twin, different } = twinOf(scene, new Random(scene.seed, 6))
  return await Promise.all(
    [scene, twin].map(async (each) => ({ scene: each, different, picture: await pixelsOf(each) })),
  )
}

async function pixelsOf(scene) {
  const { data } = await decodePicture(await renderScene(scene), 'a drawn scene')
  return data
}

/** Most pixels that a view is moved by, along each side: so no patch is ever cut twice in the same place. */
const farthest = 10

/**
 * One view of a picture: moved, and mirrored or not. What comes in at an edge is the edge again.
 *
 * @param table values by channel and 8-bit value
 * @param into [3, side, side], written
 * @returns the scene as it is seen now, and a caption of it
 */
export function look({ scene, picture, different }, side, table, into, random) {
  const mirrored = random.uniform() < 0.5
  const [right, down] = [0, 1].map(() => random.integer(2 * farthest + 1) - farthest)
  const inside = (place) => Math.min(side - 1, Math.max(0, place))
  const columns = Array.from({ length: side }, (_, x) => inside(mirrored ? side - 1 - x + right : x - right))
  for (let channel = 0, at = 0; channel < 3; channel++) {
    for (let y = 0; y < side; y++) {
      const row = 3 * side * inside(y - down) + channel
      for (let x = 0; x < side; x++) into[at++] = table[256 * channel + picture[row + 3 * columns[x]]]
    }
  }
  const things = scene.things.map((thing) => ({
    ...thing,
    x: (mirrored ? side - 1 - thing.x : thing.x) + right,
    y: thing.y + down,
  }))
  return { things, text: caption({ ...scene, things }, different, random) }
}

/** Share of a thing's radius within which a patch's centre is on the thing. */
const core = 0.7

/** A patch of a thing: one whose centre is on it, or the nearest. @param patches along each side */
function patchOf(thing, side, patches, random) {
  const size = side / patches
  const middle = (patch) => [((patch % patches) + 0.5) * size, (Math.floor(patch / patches) + 0.5) * size]
  const distance = (patch) => Math.hypot(middle(patch)[0] - thing.x, middle(patch)[1] - thing.y)
  const all = Array.from({ length: patches * patches }, (_, patch) => patch)
  const on = all.filter((patch) => distance(patch) <= core * thing.radius)
  return on.length > 0
    ? random.pick(on)
    : all.reduce((best, patch) => (distance(patch) < distance(best) ? patch : best))
}

/** @param told how texts tell: `partly` share of those that leave attributes out, and how often these tell `each` */
function someOf(description, { partly, each }, random) {
  if (random.uniform() >= partly) return description
  const kept = Object.entries(description).filter(([name]) => random.uniform() < each[name])
  return kept.length > 0 ? Object.fromEntries(kept) : description
}

/**
 * Some things of a view, each a patch and a text about it.
 *
 * @param told as {@link someOf} has it, and `place`: share of the texts that tell where the thing is
 * @returns {{patch: number, text: string, fits: (region) => boolean}[]} `fits`: the text is true of that region too
 */
export function regionsOf(things, { side, patches, count, told }, random) {
  return [...random.permutation(things.length)].slice(0, count).map((index) => {
    const thing = things[index]
    const description = someOf(wholeDescription(thing), told, random)
    const place = told.place === 1 || random.uniform() < told.place ? placeOf(thing) : undefined
    return {
      ...{ thing, patch: patchOf(thing, side, patches, random) },
      text: described(description, place, variedVoice(random)),
      fits: (other) =>
        (place === undefined || placeOf(other.thing) === place) &&
        matches(wholeDescription(other.thing), description),
    }
  })
}
