/**
 * The reference's selection ("without residual"): tensors in the order in which a state passes them, each choosing its
 * own rows, and reading the columns that were kept just before. So every sublayer picks features of its own, and
 * nothing keeps one feature of the states apart from another.
 */
import { UserError } from '../base/index.js'
import { keepOrder } from './keepOrder.js'
import type { Layout } from './layout.js'
import {
  checkScores,
  cut,
  highest,
  type Importance,
  type Indices,
  lowest,
  type Selection,
  type Selector,
} from './selection.js'

/** How the rows of some tensors are chosen. */
interface Version {
  /** Rounds that cut a little each. */
  readonly rounds: number
  /** Whether rows of attentions are taken head by head. */
  readonly byHeads: boolean
}

/** Reference: fixed, whatever the model. */
const referenceHeads = 12

const all = (count: number): Indices => Array.from({ length: count }, (_, i) => i)
const composed = (before: Indices, kept: Indices): Indices => kept.map((i) => before[i]!)

export function chain(name: string, summary: string, version: Version): Selector {
  return {
    name,
    summary,
    select(layout, importance, reductionFactor) {
      let kept: Selection['kept'] = whole(layout, importance)
      const rounds = amounts(reductionFactor, version.rounds).map((amount) => {
        const walk = new Walk(importance, kept, amount, version.byHeads)
        walk.over(layout)
        kept = walk.kept
        return walk.chosen
      })
      return { kept, rounds } satisfies Selection
    },
  }
}

/** The share that each round takes away: what is left falls on a line from 1 to 1/r. */
function amounts(reductionFactor: number, rounds: number): readonly number[] {
  const [end, step] = [1 / reductionFactor, (1 / reductionFactor - 1) / rounds]
  const left = (round: number) => (round === rounds ? end : 1 + round * step)
  return Array.from({ length: rounds }, (_, round) => (left(round) - left(round + 1)) / left(round))
}

/** Every axis of every tensor as it is. */
function whole({ tokenTable, stacks }: Layout, importance: Importance) {
  const names = stacks.flatMap(({ sublayers, finalNorm }) => [
    ...sublayers.flatMap(({ norm, into, out }) => [norm, ...into, out]),
    finalNorm,
  ])
  return new Map([tokenTable, ...names].map((name) => [name, importance.shape(name).map(all)] as const))
}

/** One round: what came before decides the columns, and the rows of what comes next. */
class Walk {
  readonly kept = new Map<string, readonly Indices[]>()
  readonly chosen = new Map<string, Indices>()
  readonly #importance: Importance
  readonly #before: ReadonlyMap<string, readonly Indices[]>
  readonly #amount: number
  readonly #byHeads: boolean
  /** What was kept last, numbered as the round before left it. */
  #last: Indices = []

  constructor(
    importance: Importance,
    before: ReadonlyMap<string, readonly Indices[]>,
    amount: number,
    byHeads: boolean,
  ) {
    this.#importance = importance
    this.#before = before
    this.#amount = amount
    this.#byHeads = byHeads
  }

  /** Reference: the decoder begins with what the encoder's last matrix kept, and reads the encoder by its own. */
  over({ tokenTable, stacks }: Layout): void {
    this.#chooseColumns(tokenTable)
    for (const { sublayers, finalNorm } of stacks) {
      for (const { norm, into, out, attention } of sublayers) {
        this.#follow(norm)
        this.#chooseRows(into, attention)
        this.#chooseRows([out], attention)
      }
      this.#follow(finalNorm)
    }
  }

  #follow(vector: string): void {
    const [elements] = this.#before.get(vector)!
    this.kept.set(vector, [composed(elements!, this.#last)])
  }

  #chooseColumns(table: string): void {
    const [rows, columns] = this.#before.get(table)!
    const [count, width] = [columns!.length, this.#importance.shape(table)[1]!]
    const values = this.#importance.values(table)
    const scores = new Float64Array(count)
    for (const row of rows!)
      for (let i = 0; i < count; i++) scores[i]! += Math.abs(values[row * width + columns![i]!]!)
    this.#keep(table, keepOrder(count, lowest(checkScores(scores, table), pruned(count, this.#amount))))
    this.kept.set(table, [rows!, composed(columns!, this.#last)])
  }

  /** The same rows of all these tensors, by the product of their importances. */
  #chooseRows(names: readonly string[], attention: boolean): void {
    const [name] = names
    const [rows, columns] = this.#before.get(name!)!
    const read = composed(columns!, this.#last)
    const scores = checkScores(this.#rowScores(names, rows!, read), name!)
    const gone = pruned(scores.length, this.#amount)
    this.#keep(
      name!,
      attention && this.#byHeads
        ? fromHeads(scores, gone, name!)
        : keepOrder(scores.length, lowest(scores, gone)),
    )
    for (const each of names) this.kept.set(each, [composed(rows!, this.#last), read])
  }

  #keep(name: string, kept: Indices): void {
    this.#last = kept
    this.chosen.set(name, kept)
  }

  /**
   * Σ over the columns read of |Π over the tensors|, in float64: three squared gradients multiplied are often below
   * what float32 can hold, and rows would tie at 0.
   */
  #rowScores(names: readonly string[], rows: Indices, read: Indices): Float64Array {
    const parts = names.map((name) =>
      cut(this.#importance.values(name), this.#importance.shape(name), [rows, read]),
    )
    return Float64Array.from(rows, (_, row) => {
      let score = 0
      for (let i = row * read.length; i < (row + 1) * read.length; i++) {
        let product = 1
        for (const part of parts) product *= part[i]!
        score += Math.abs(product)
      }
      return score
    })
  }
}

/** How many of n are pruned: the share rounded half to even, and never all. */
function pruned(n: number, amount: number): number {
  return Math.max(n - Math.max(n - roundHalfEven(amount * n), 1), 0)
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  if (x - floor !== 0.5) return Math.round(x)
  return floor % 2 === 0 ? floor : floor + 1
}

/**
 * Heads from the one that matters most on, until there are enough rows; of the last one only its best rows.
 *
 * @throws {UserError} the rows can't be cut into that many heads
 */
function fromHeads(scores: Float64Array, gone: number, name: string): number[] {
  const [n, wanted] = [scores.length, scores.length - gone]
  const size = n / referenceHeads
  if (!Number.isInteger(size)) {
    throw new UserError(
      `"${name}" has ${n} rows, which version v3 can't cut into its ${referenceHeads} heads: choose another --importance`,
    )
  }
  const ofHead = (head: number) => scores.subarray(head * size, (head + 1) * size)
  const heads = Float64Array.from({ length: referenceHeads }, (_, head) =>
    ofHead(head).reduce((sum, score) => sum + score, 0),
  )
  const kept = highest(heads, Math.ceil(wanted / size)).flatMap((head, i) =>
    highest(ofHead(head), Math.min(size, wanted - i * size)).map((row) => head * size + row),
  )
  const chosen = new Set(kept)
  return keepOrder(
    n,
    all(n).filter((row) => !chosen.has(row)),
  )
}
