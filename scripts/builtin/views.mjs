/** Pictures and captions for the built-in CLIP: scenes in pairs that differ in one thing, seen as they are or mirrored. */

import {
  caption,
  corpusScene,
  described,
  plainVoice,
  renderScene,
  twinOf,
  variedVoice,
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

/** What is said about a patch that is no thing's middle. */
const nothing = { text: 'nothing', meaning: 'nothing' }

/** Pixels from a patch's centre to that of a thing within which the patch may be the thing's middle. */
const nearby = 10

/**
 * Patches of a view with what is said about each: the middles of some things, and as many patches where no thing has its
 * middle, half of them on a thing. So a thing is seen once.
 *
 * @param patches along each side
 * @returns `2 × count` numbers of patches; texts of one `meaning` say the same
 */
export function regionsOf(things, side, patches, count, random) {
  const size = side / patches
  const inside = (place) => Math.min(patches - 1, Math.max(0, Math.floor(place / size)))
  const middles = [...random.permutation(things.length)].slice(0, count).map((index) => {
    const thing = things[index]
    const told = { text: described(thing, variedVoice(random)), meaning: described(thing, plainVoice) }
    return { patch: inside(thing.y) * patches + inside(thing.x), ...told }
  })
  const distance = (patch, { x, y }) =>
    Math.hypot(((patch % patches) + 0.5) * size - x, (Math.floor(patch / patches) + 0.5) * size - y)
  const empty = Array.from({ length: patches * patches }, (_, patch) => patch).filter((patch) =>
    things.every((thing) => distance(patch, thing) > nearby),
  )
  const onThings = empty.filter((patch) => things.some((thing) => distance(patch, thing) < thing.radius))
  const empties = Array.from({ length: count }, (_, i) => ({
    patch: random.pick(i % 2 === 0 && onThings.length > 0 ? onThings : empty),
    ...nothing,
  }))
  return [...middles, ...empties]
}
