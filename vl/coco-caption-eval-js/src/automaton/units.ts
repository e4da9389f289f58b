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
  /** Of the ranges that begin at `begins` those in each set, as first and end. */
  const runs = sets.map((set) =>
    set.map(([low, high]) => [indexOf.get(low)!, indexOf.get(high + 1) ?? begins.length] as const),
  )
  const { ids, count } = classesOf(runs, begins.length)
  const of = new Uint16Array(lastUnit + 1)
  begins.forEach((begin, i) => {
    of.fill(ids[i]!, begin, begins[i + 1] ?? lastUnit + 1)
  })
  const held = new Uint8Array(sets.length * count)
  runs.forEach((ranges, set) => {
    for (const [first, end] of ranges) for (let i = first; i < end; i++) held[set * count + ids[i]!] = 1
  })
  const numbers = new Map(sets.map((set, i) => [set, i]))
  return {
    count,
    of,
    numberOf: (set) => numbers.get(set)!,
    holds: (set, unitClass) => held[set * count + unitClass] === 1,
  }
}

type Runs = readonly (readonly [first: number, end: number])[]

/** Items below `length` that are in the same ones of `sets` have one class: each set splits those that it cuts through. */
function classesOf(
  sets: readonly Runs[],
  length: number,
): { readonly ids: Int32Array; readonly count: number } {
  const ids = new Int32Array(length)
  let next = 1
  for (const runs of sets) {
    const inside = new Map<number, number>()
    for (const [first, end] of runs) {
      for (let i = first; i < end; i++) {
        const id = inside.get(ids[i]!) ?? next++
        inside.set(ids[i]!, id)
        ids[i] = id
      }
    }
  }
  const numbers = new Map<number, number>()
  for (const id of ids) if (!numbers.has(id)) numbers.set(id, numbers.size)
  return { ids: ids.map((id) => numbers.get(id)!), count: numbers.size }
}
