/** Pictures and captions for the built-in CLIP: scenes in pairs that differ in one thing, seen as they are or mirrored. */

import { caption, corpusScene, renderScene, twinOf } from '../../dist/datasets/world/index.js'
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

/** Every other scene shows one of its things alone: a shape is learned where it is all that there is to see. */
async function drawPair(index) {
  const whole = corpusScene(index)
  const scene = index % 2 === 0 ? { ...whole, things: whole.things.slice(-1) } : whole
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
 * @returns a caption of it
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
  return caption({ ...scene, things }, different, random)
}
