/**
 * Automata: a nondeterministic one is built from patterns (Thompson 1968), and becomes deterministic where texts lead
 * it. The longest match of several patterns is found in one pass, whatever their order.
 */
import type { Pattern } from './pattern.js'
import type { UnitClasses } from './units.js'

/** States and their edges, by number. */
interface Nondeterministic {
  /** Edges that take no unit. */
  readonly free: number[][]
  /** Classes of the edge that takes a unit, and where it leads. */
  readonly taking: (readonly [classes: readonly number[], to: number] | undefined)[]
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
      to.taking[begin] = [classes.classesOf(pattern.set), end]
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

export class Automaton {
  private readonly states: Nondeterministic = { free: [], taking: [] }
  /** Per nondeterministic state the number of the pattern that ends there. */
  private readonly ends = new Map<number, number>()
  private readonly sets: (readonly number[])[] = []
  private readonly next: Int32Array[] = []
  private readonly accepts: number[] = []
  private readonly byKey = new Map<string, number>()

  /** @param patterns of which the first wins where several match equally far */
  constructor(
    patterns: readonly Pattern[],
    private readonly classes: UnitClasses,
  ) {
    const start = addState(this.states)
    patterns.forEach((pattern, number) => {
      const begin = addState(this.states)
      this.states.free[start]!.push(begin)
      this.ends.set(addPattern(this.states, begin, pattern, classes), number)
    })
    this.stateOf([start])
  }

  /**
   * The longest match from `begin` on.
   *
   * @returns its end, and the number of its pattern: −1 where none matches
   */
  longest(text: string, begin: number): { readonly end: number; readonly pattern: number } {
    let [end, pattern, state] = [begin, -1, 0]
    for (let at = begin; at < text.length; at++) {
      state = this.step(state, text.charCodeAt(at))
      if (state === dead) break
      const accepted = this.accepts[state]!
      if (accepted >= 0) [end, pattern] = [at + 1, accepted]
    }
    return { end, pattern }
  }

  /** Where matches from `begin` on end, at `limit` at the latest; ascending. */
  endings(text: string, begin: number, limit: number): number[] {
    const found: number[] = this.accepts[0]! >= 0 ? [begin] : []
    let state = 0
    for (let at = begin; at < limit; at++) {
      state = this.step(state, text.charCodeAt(at))
      if (state === dead) break
      if (this.accepts[state]! >= 0) found.push(at + 1)
    }
    return found
  }

  private step(state: number, unit: number): number {
    const row = this.next[state]!
    const of = this.classes.of[unit]!
    const known = row[of]!
    return known === unknown ? this.explore(state, of) : known
  }

  private explore(state: number, unitClass: number): number {
    const reached: number[] = []
    for (const each of this.sets[state]!) {
      const edge = this.states.taking[each]
      if (edge?.[0].includes(unitClass)) reached.push(edge[1])
    }
    const to = reached.length === 0 ? dead : this.stateOf(reached)
    this.next[state]![unitClass] = to
    return to
  }

  /** The deterministic state of these and all that they reach freely. */
  private stateOf(from: readonly number[]): number {
    const set = new Set(from)
    for (const state of set) for (const to of this.states.free[state]!) set.add(to)
    const kept = [...set].filter((state) => this.states.taking[state] || this.ends.has(state))
    const key = kept.sort((a, b) => a - b).join()
    const known = this.byKey.get(key)
    if (known !== undefined) return known
    const number = this.sets.push(kept) - 1
    this.byKey.set(key, number)
    this.next.push(new Int32Array(this.classes.count).fill(unknown))
    const ended = kept.flatMap((state) => this.ends.get(state) ?? [])
    this.accepts.push(ended.length === 0 ? -1 : Math.min(...ended))
    return number
  }
}
