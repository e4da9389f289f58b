/**
 * Fills without a name. Where some shapes never have some colours, a model learns that they can't; from tints it learns
 * what a shape looks like in any.
 */
import type { Random } from '../../src/base/index.js'
import { heldOutFor, type ValueOf, valuesOf } from './attributes.js'
import { fills } from './draw.js'

/** Least distance (of red, green and blue, 0 … 255) from a colour that the shape has in a split of its own. */
const apart = 80

/** Of a channel: grounds are lighter. */
const brightest = 200

/** A tint that makes no held-out combination of these shapes. */
export function drawTint(shapes: readonly ValueOf<'shape'>[], random: Random): string {
  const forbidden = valuesOf('colour')
    .filter((colour) => shapes.some((shape) => heldOutFor({ colour, shape }) !== undefined))
    .map((colour) => channels(fills[colour]))
  for (;;) {
    const tint = Array.from({ length: 3 }, () => random.integer(brightest))
    if (forbidden.every((colour) => distance(colour, tint) >= apart)) return hex(tint)
  }
}

const channels = (fill: string) => [1, 3, 5].map((at) => Number.parseInt(fill.slice(at, at + 2), 16))
const hex = (tint: readonly number[]) =>
  `#${tint.map((value) => value.toString(16).padStart(2, '0')).join('')}`

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.hypot(...a.map((value, i) => value - b[i]!))
}
