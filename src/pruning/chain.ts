/**
 * The reference's selection ("without residual"): tensors in the order in which a state passes them, each choosing its
 * own rows, and reading the columns that were kept just before. So every sublayer picks features of its own, and
 * nothing keeps one feature of the states apart from another.
 */
import { UserError } from '../base/index.js'
import { keepOrder } from './keepOrder.js'
import { type Layout, type Matrix, tensorsOf } from './layout.js'
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
  /**
   * What a place counts for where the importances of some tensors meet. `product`: their product's size; `logarithms`:
   * the size of Σ ln, which is largest where importance is least.
   */
  readonly score: 'product' | 'logarithms'
}

/** Reference: fixed, whatever the model. */
const referenceHeads = 12

const all = (count: number): Indices => Array.from({ length: count }, (_, i) => i)
const composed = (before: Indices, kept: Indices): Indices => kept.map((i) => before[i]!)

export function chain(name: string, summary: string, version: Version): Selector {
  return {
    name,
    summary,
    ...(version.score === 'logarithms' ? { squaresOnly: true } : {}),
    select(layout, importance, reductionFactor) {
      let kept: Selection['kept'] = whole(layout, importance)
      const rounds = amounts(reductionFactor, version.rounds).map((amount) => {
        const walk = new Walk(importance, kept, amount, version)
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
function whole(layout: Layout, importance: Importance) {
  const names = [layout.tokenTable, ...tensorsOf(layout)]
  return new Map(names.map((name) => [name, importance.shape(name).map(all)] as const))
}

/** One round: what came before decides the columns, and the rows of what comes next. */
class Walk {
  readonly kept = new Map<string, readonly Indices[]>()
  readonly chosen = new Map<string, Indices>()
  readonly #importance: Importance
  readonly #before: ReadonlyMap<string, readonly Indices[]>
  readonly #amount: number
  readonly #version: Version
  /** What was kept last, numbered as the round before left it. */
  #last: Indices = []

  constructor(
    importance: Importance,
    before: ReadonlyMap<string, readonly Indices[]>,
    amount: number,
    version: Version,
  ) {
    this.#importance = importance
    this.#before = before
    this.#amount = amount
    this.#version = version
  }

  /**
   * Reference: T5's decoder begins with what the encoder's last matrix kept, BART's anew; both read the encoder by
   * what they keep themselves.
   */
  over({ tokenTable, stacks }: Layout): void {
    this.#chooseColumns(tokenTable)
    const features = this.#last
    for (const { sublayers, after, readsTable } of stacks) {
      if (readsTable) this.#last = features
      for (const sublayer of sublayers) {
        this.#follow(sublayer.before)
        this.#chooseRows(sublayer.into, sublayer.attention)
        this.#chooseRows([sublayer.out], sublayer.attention)
        this.#follow(sublayer.after)
      }
      this.#follow(after)
    }
  }

  #follow(vectors: readonly string[]): void {
    for (const vector of vectors) {
      const [elements] = this.#before.get(vector)!
      this.kept.set(vector, [composed(elements!, this.#last)])
    }
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

  /** The same rows of all these matrices, by what their importances are together. */
  #chooseRows(matrices: readonly Matrix[], attention: boolean): void {
    const names = matrices.map(({ weight }) => weight)
    const [name] = names
    const [rows, columns] = this.#before.get(name!)!
    const read = composed(columns!, this.#last)
    const scores = checkScores(this.#rowScores(names, rows!, read), name!)
    const gone = pruned(scores.length, this.#amount)
    this.#keep(
      name!,
      attention && this.#version.byHeads
        ? fromHeads(scores, gone, name!)
        : keepOrder(scores.length, lowest(scores, gone)),
    )
    for (const each of names) this.kept.set(each, [composed(rows!, this.#last), read])
    this.#follow(matrices.flatMap(({ bias }) => bias ?? []))
  }

  #keep(name: string, kept: Indices): void {
    this.#last = kept
    this.chosen.set(name, kept)
  }

  /**
   * Σ over the columns read of what the tensors count for there, in float64: three squared gradients multiplied are
   * often below what float32 can hold, and rows would tie at 0.
   */
  #rowScores(names: readonly string[], rows: Indices, read: Indices): Float64Array {
    const parts = names.map((name) =>
      cut(this.#importance.values(name), this.#importance.shape(name), [rows, read]),
    )
    const worth = worths[this.#version.score]
    return Float64Array.from(rows, (_, row) => {
      let score = 0
      for (let i = row * read.length; i < (row + 1) * read.length; i++) score += worth(parts, i)
      return score
    })
  }
}

/** What place `i` counts for, by the importances of some tensors there. */
const worths: Readonly<Record<Version['score'], (parts: readonly Float32Array[], i: number) => number>> = {
  product(parts, i) {
    let product = 1
    for (const part of parts) product *= part[i]!
    return Math.abs(product)
  },
  logarithms(parts, i) {
    let sum = 0
    for (const part of parts) sum += Math.log(part[i]!)
    return Math.abs(sum)
  },
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
