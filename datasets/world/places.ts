/** Where things are, as questions and captions have it. */
import { pictureSide, type Thing } from './scene.js'

/** Least distance, in pixels, at which one thing is said to be on a side of another. */
export const apart = 14

/** −1, 0, 1: before the picture's middle, about there, behind it. */
export function offMiddle(place: number): number {
  const off = place - pictureSide / 2
  return Math.abs(off) < apart / 2 ? 0 : Math.sign(off)
}

/** "at the top left", "in the middle" */
export function placeOf({ x, y }: Pick<Thing, 'x' | 'y'>): string {
  const words = [['top', '', 'bottom'][offMiddle(y) + 1]!, ['left', '', 'right'][offMiddle(x) + 1]!].filter(
    (word) => word !== '',
  )
  return words.length === 0 ? 'in the middle' : `at the ${words.join(' ')}`
}
