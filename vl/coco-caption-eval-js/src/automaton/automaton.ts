/**
 * Automata: a nondeterministic one is built from patterns (Thompson 1968), and becomes deterministic where texts lead
 * it. The longest match of several patterns is found in one pass, whatever their order.
 */
import { grown } from '../growing.js'
import type { Pattern } from './pattern.js'
import type { UnitClasses } from './units.js'

/** States and their edges, by number. */
interface Nondeterministic {
  /** Edges that take no unit. */
  readonly free: number[][]
  /** The edge that takes a unit of a set (by its number), and where it leads. */
  readonly taking: ({ readonly set: number; readonly to: number } | undefined)[]
}

function addState({ free, taking }: Nondeterministic): number {
  taking.push(undefined)
  return free.push([]) - 1
}

/** @returns where the pattern ends */
function addPattern(to: Nondeterministic, from: number, pattern: Pattern, classes: UnitClasses): number {
  switch (pattern.kind) {
    case 'set': {
      const [begin, end] = [addState(to), addState(to)]
      to.free[from]!.push(begin)
      to.taking[begin] = { set: classes.numberOf(pattern.set), to: end }
      return end
    }
    case 'sequence':
      return pattern.parts.reduce((at, part) => addPattern(to, at, part, classes), from)
    case 'choice': {
      const end = addState(to)
      for (const part of pattern.parts) to.free[addPattern(to, from, part, classes)]!.push(end)
      return end
    }
    case 'repeat':
      return addRepeat(to, from, pattern, classes)
  }
}

type Repeat = Extract<Pattern, { readonly kind: 'repeat' }>

function addRepeat(
  to: Nondeterministic,
  from: number,
  { part, least, most }: Repeat,
  classes: UnitClasses,
): number {
  let at = from
  for (let i = 0; i < least; i++) at = addPattern(to, at, part, classes)
  if (most === Number.POSITIVE_INFINITY) {
    const loop = addState(to)
    to.free[at]!.push(loop)
    to.free[addPattern(to, loop, part, classes)]!.push(loop)
    return loop
  }
  const end = addState(to)
  to.free[at]!.push(end)
  for (let i = least; i < most; i++) {
    at = addPattern(to, at, part, classes)
    to.free[at]!.push(end)
  }
  return end
}

const unknown = -2
const dead = -1

/**
 * Deterministic states are rows of one table, and named by where their rows begin: where each class leads, and last the
 * pattern that ends there.
 */
export class Automaton {
  private readonly states: Nondeterministic = { free: [], taking: [] }
  /** Per nondeterministic state the number of the pattern that ends there. */
  private readonly ends = new Map<number, number>()
  /** Of each row its nondeterministic states. */
  private readonly sets: (readonly number[])[] = []
  private readonly byKey = new Map<string, number>()
  private readonly width: number
  private table: Int32Array
  /** Of each nondeterministic state {@link closureOf} it, as far as it was asked for. */
  private readonly closures: (readonly number[] | undefined)[]
  /** Of each nondeterministic state the last search that met it. */
  private readonly met: Int32Array
  private searches = 0

  /** @param patterns of which the first wins where several match equally far */
  constructor(
    patterns: readonly Pattern[],
    private readonly classes: UnitClasses,
  ) {
    this.width = classes.count + 1
    this.table = new Int32Array(this.width * 2 ** 4)
    const start = addState(this.states)
    patterns.forEach((pattern, number) => {
      const begin = addState(this.states)
      this.states.free[start]!.push(begin)
      this.ends.set(addPattern(this.states, begin, pattern, classes), number)
    })
    this.closures = new Array(this.states.free.length)
    this.met = new Int32Array(this.states.free.length)
    this.rowOf([start])
  }

  /**
   * The longest match from `begin` on.
   *
   * @returns its end, and the number of its pattern: −1 where none matches
   */
  longest(text: string, begin: number): { readonly end: number; readonly pattern: number } {
    const last = this.width - 1
    let end = begin
    let pattern = -1
    let row = 0
    for (let at = begin; at < text.length; at++) {
      row = this.step(row, text.charCodeAt(at))
      if (row === dead) break
      const accepted = this.table[row + last]!
      if (accepted < 0) continue
      end = at + 1
      pattern = accepted
    }
    return { end, pattern }
  }

  /** Where matches from `begin` on end, at `limit` at the latest; ascending. */
  endings(text: string, begin: number, limit: number): number[] {
    const last = this.width - 1
    const found: number[] = this.table[last]! >= 0 ? [begin] : []
    let row = 0
    for (let at = begin; at < limit; at++) {
      row = this.step(row, text.charCodeAt(at))
      if (row === dead) break
      if (this.table[row + last]! >= 0) found.push(at + 1)
    }
    return found
  }

  /** Whether a match from `begin` on ends at `end`. */
  matches(text: string, begin: number, end: number): boolean {
    let row = 0
    for (let at = begin; at < end && row !== dead; at++) row = this.step(row, text.charCodeAt(at))
    return row !== dead && this.table[row + this.width - 1]! >= 0
  }

  private step(row: number, unit: number): number {
    const of = this.classes.of[unit]!
    const known = this.table[row + of]!
    return known === unknown ? this.explore(row, of) : known
  }

  private explore(row: number, unitClass: number): number {
    const reached: number[] = []
    for (const each of this.sets[row / this.width]!) {
      const edge = this.states.taking[each]
      if (edge && this.classes.holds(edge.set, unitClass)) reached.push(edge.to)
    }
    const to = reached.length === 0 ? dead : this.rowOf(reached)
    this.table[row + unitClass] = to
    return to
  }

  /** The deterministic state of these and all that they reach freely. */
  private rowOf(from: readonly number[]): number {
    const search = ++this.searches
    const kept: number[] = []
    for (const state of from) {
      this.closures[state] ??= this.closureOf(state)
      for (const each of this.closures[state]) {
        if (this.met[each] === search) continue
        this.met[each] = search
        kept.push(each)
      }
    }
    // As units of a text: there are a few thousand of them.
    const key = String.fromCharCode(...kept.sort((a, b) => a - b))
    const known = this.byKey.get(key)
    if (known !== undefined) return known
    const row = (this.sets.push(kept) - 1) * this.width
    this.byKey.set(key, row)
    this.addRow(row, Math.min(...kept.map((state) => this.ends.get(state) ?? Number.POSITIVE_INFINITY)))
    return row
  }

  /** What a state reaches freely, as far as it takes a unit or is the end of a pattern. */
  private closureOf(state: number): readonly number[] {
    const { free, taking } = this.states
    const reached = new Set([state])
    for (const each of reached) for (const to of free[each]!) reached.add(to)
    return [...reached].filter((each) => taking[each] || this.ends.has(each))
  }

  private addRow(row: number, pattern: number): void {
    if (row + this.width > this.table.length) this.table = grown(this.table, 2 * this.table.length)
    this.table.fill(unknown, row, row + this.width)
    this.table[row + this.width - 1] = pattern === Number.POSITIVE_INFINITY ? -1 : pattern
  }
}
