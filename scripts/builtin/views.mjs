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

/**
 * One view of a picture, as it is or mirrored.
 *
 * @param normalised by channel and 8-bit value
 * @param into [3, side, side], written
 * @returns a caption of it
 */
export function look({ scene, picture, different }, side, normalised, into, random) {
  const mirrored = random.uniform() < 0.5
  const [first, step] = mirrored ? [3 * (side - 1), -3] : [0, 3]
  for (let channel = 0, at = 0; channel < 3; channel++) {
    const values = normalised[channel]
    for (let y = 0; y < side; y++) {
      let from = 3 * side * y + first + channel
      for (let x = 0; x < side; x++, from += step) into[at++] = values[picture[from]]
    }
  }
  const things = mirrored ? scene.things.map((thing) => ({ ...thing, x: side - thing.x })) : scene.things
  return caption({ ...scene, things }, different, random)
}
