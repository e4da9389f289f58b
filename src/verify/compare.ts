/** Computed against expected: |got − want| ≤ atol + rtol · max |want|, the maximum over the tensor. */
import type { RecordedCase, Tolerance } from './case.js'
import type { Check } from './kind.js'
import type { Values } from './values.js'

const equal: Tolerance = { rtol: 0, atol: 0 }

/** The tolerance of the longest prefix of the name; equality where the case gives none. */
export function toleranceOf({ json }: RecordedCase, name: string): Tolerance {
  const prefixes = Object.keys(json.tolerance).filter((prefix) => name.startsWith(prefix))
  const [longest = 'default'] = prefixes.sort((a, b) => b.length - a.length)
  return json.tolerance[longest] ?? equal
}

/** @returns what is off, worst element first named; `undefined` where the tensor is as expected */
export function compareTensor(
  got: Values | undefined,
  want: Values,
  tolerance: Tolerance,
): string | undefined {
  if (got === undefined) return 'is not computed'
  if (!isSameShape(got.shape, want.shape))
    return `is (${got.shape.join(', ')}) where (${want.shape.join(', ')}) is expected`
  let largest = 0
  for (const value of want.data)
    if (Number.isFinite(Number(value))) largest = Math.max(largest, Math.abs(Number(value)))
  const allowed = tolerance.atol + tolerance.rtol * largest
  let [worst, off] = [-1, allowed]
  for (let i = 0; i < want.data.length; i++) {
    const distance = distanceOf(Number(got.data[i]), Number(want.data[i]))
    if (distance > off) [worst, off] = [i, distance]
  }
  if (worst < 0) return undefined
  const place = want.shape.length === 0 ? '' : ` at [${indexOf(worst, want.shape).join(', ')}]`
  return `is off by ${short(off)}${place}: got ${got.data[worst]}, want ${want.data[worst]}, allowed ${short(allowed)}`
}

/** Not a number is as far off as can be, from itself too. */
function distanceOf(got: number, want: number): number {
  if (got === want) return 0
  const distance = Math.abs(got - want)
  return Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance
}

const short = (value: number) => (value === 0 ? '0' : value.toExponential(1))

/** `[1]` and `[]` are the same scalar. */
export function isSameShape(a: readonly number[], b: readonly number[]): boolean {
  const scalar = (shape: readonly number[]) => (String(shape) === '1' ? '' : String(shape))
  return scalar(a) === scalar(b)
}

function indexOf(element: number, shape: readonly number[]): number[] {
  let rest = element
  const index = [...shape].reverse().map((size) => {
    const at = rest % size
    rest = Math.floor(rest / size)
    return at
  })
  return index.reverse()
}

/** How many single values of a check agree, and the first that doesn't. */
export interface Comparison {
  readonly compared: number
  readonly faults: readonly string[]
}

/** Compares value by value: numbers within the tolerance, everything else for equality. */
export function compareCheck({ name, got, want }: Check, tolerance: Tolerance): Comparison {
  if (!isContainer(want) || !isContainer(got) || Array.isArray(want) !== Array.isArray(got)) {
    return {
      compared: 1,
      faults: isEqual(got, want, tolerance) ? [] : [`${name} is ${print(got)}, want ${print(want)}`],
    }
  }
  const [gotOf, wantOf] = [new Map(Object.entries(got)), new Map(Object.entries(want))]
  const keys = [...new Set([...wantOf.keys(), ...gotOf.keys()])]
  const parts = keys.map((key) =>
    compareCheck({ name: `${name}.${key}`, got: gotOf.get(key), want: wantOf.get(key) }, tolerance),
  )
  return {
    compared: parts.reduce((sum, { compared }) => sum + compared, 0),
    faults: parts.flatMap(({ faults }) => faults),
  }
}

const isContainer = (value: unknown): value is object => typeof value === 'object' && value !== null

function isEqual(got: unknown, want: unknown, { rtol, atol }: Tolerance): boolean {
  if (typeof got === 'number' && typeof want === 'number')
    return distanceOf(got, want) <= atol + rtol * Math.abs(want)
  return got === want && got !== undefined
}

const print = (value: unknown) => (value === undefined ? 'not there' : JSON.stringify(value))
