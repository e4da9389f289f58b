/** Sets of UTF-16 code units: sorted inclusive ranges that neither touch nor overlap. */
export type Units = readonly (readonly [low: number, high: number])[]

const lastUnit = 0xffff

/** The units of any ranges, in any order. */
export function units(ranges: Units): Units {
  const joined: [number, number][] = []
  for (const [low, high] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = joined.at(-1)
    if (last && low <= last[1] + 1) last[1] = Math.max(last[1], high)
    else joined.push([low, high])
  }
  return joined
}

/** All other units, line ends and surrogate halves included. */
export function complement(set: Units): Units {
  const bounds = [-1, ...set.flat(), lastUnit + 1]
  const gaps: [number, number][] = []
  for (let i = 0; i < bounds.length; i += 2) {
    const [low, high] = [bounds[i]! + 1, bounds[i + 1]! - 1]
    if (low <= high) gaps.push([low, high])
  }
  return gaps
}

export interface UnitClasses {
  readonly count: number
  /** The class of every unit. */
  readonly of: Uint16Array
  /** One of the sets that the classes were made of. */
  numberOf(set: Units): number
  /** Whether the units of a class are in a set. */
  holds(set: number, unitClass: number): boolean
}

/** Units that are in the same ones of `sets` behave alike everywhere: they are one class. */
export function classify(sets: readonly Units[]): UnitClasses {
  const starts = new Set([0])
  for (const set of sets) for (const [low, high] of set) starts.add(low).add(high + 1)
  const begins = [...starts].filter((start) => start <= lastUnit).sort((a, b) => a - b)
  const indexOf = new Map(begins.map((begin, i) => [begin, i]))
  const members: number[][] = begins.map(() => [])
  sets.forEach((set, s) => {
    for (const [low, high] of set) {
      const end = indexOf.get(high + 1) ?? begins.length
      for (let i = indexOf.get(low)!; i < end; i++) members[i]!.push(s)
    }
  })
  const ids = new Map<string, number>()
  const of = new Uint16Array(lastUnit + 1)
  const inSets: (readonly number[])[] = []
  begins.forEach((begin, i) => {
    const key = members[i]!.join()
    const id = ids.get(key) ?? inSets.push(members[i]!) - 1
    ids.set(key, id)
    of.fill(id, begin, begins[i + 1] ?? lastUnit + 1)
  })
  const held = new Uint8Array(sets.length * inSets.length)
  inSets.forEach((inside, id) => {
    for (const set of inside) held[set * inSets.length + id] = 1
  })
  const numbers = new Map(sets.map((set, i) => [set, i]))
  return {
    count: inSets.length,
    of,
    numberOf: (set) => numbers.get(set)!,
    holds: (set, unitClass) => held[set * inSets.length + unitClass] === 1,
  }
}
