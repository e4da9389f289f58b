/**
 * A selection of our own (not in the paper). A transformer adds every sublayer's output to one stream of states, so
 * feature j means the same to all layers. The reference lets every matrix pick its own features, and the ladder starts
 * with layers that do not speak of the same things. Here one set of features is kept for the whole width of encoder
 * and decoder, and within every head the channels that matter most, so that a head stays the head that its position
 * bias was learned for: the same channels of q and k, whose product is its attention, and the same of v and o.
 *
 * What matters is measured in shares: a tensor's importances divided by their sum, so that tensors of other scales
 * count alike.
 */
import type { Layout, Matrix, Sublayer } from './layout.js'
import {
  checkScores,
  highest,
  type Importance,
  type Indices,
  type Selection,
  type Selector,
} from './selection.js'

export const stream: Selector = {
  name: 'stream',
  summary: 'one set of features for all layers, and the best channels of every head (ours)',
  select(layout, importance, reductionFactor) {
    const part = (size: number) => Math.floor(size / reductionFactor)
    const kept = new Map<string, readonly Indices[]>()
    const chosen = new Map<string, Indices>()
    const width = importance.shape(layout.tokenTable)[1]!
    const features = best(widthScores(layout, importance, width), part(width))
    const vocabulary = Array.from({ length: importance.shape(layout.tokenTable)[0]! }, (_, token) => token)
    kept.set(layout.tokenTable, [vocabulary, features])
    chosen.set(layout.tokenTable, features)
    for (const { sublayers, after, heads } of layout.stacks) {
      for (const sublayer of sublayers) {
        for (const { into, out } of pairs(sublayer)) {
          const parts = sublayer.attention ? heads : 1
          const channels = bestOfEach(innerScores(into, out, importance, features), parts, part)
          keepRows(kept, into, channels, features)
          if (out !== undefined) keepRows(kept, [out], features, channels)
          chosen.set(into[0]!.weight, channels)
        }
        for (const vector of [...sublayer.before, ...sublayer.after]) kept.set(vector, [features])
      }
      for (const vector of after) kept.set(vector, [features])
    }
    return { kept, rounds: [chosen] } satisfies Selection
  },
}

function keepRows(
  kept: Map<string, readonly Indices[]>,
  matrices: readonly Matrix[],
  rows: Indices,
  columns: Indices,
): void {
  for (const { weight, bias } of matrices) {
    kept.set(weight, [rows, columns])
    if (bias !== undefined) kept.set(bias, [rows])
  }
}

/** Matrices that meet in the same channels: rows of `into`, columns of `out`. */
function pairs({ into, out, attention }: Sublayer) {
  if (!attention) return [{ into, out }]
  const [query, key, value] = into as readonly [Matrix, Matrix, Matrix]
  return [
    { into: [query, key], out: undefined },
    { into: [value], out },
  ]
}

/** The share that each feature of the width has, over all tensors that read or write it. */
function widthScores({ tokenTable, stacks }: Layout, importance: Importance, width: number): Float64Array {
  const sublayers = stacks.flatMap((stack) => stack.sublayers)
  const scores = new Float64Array(width)
  const read = sublayers.flatMap(({ into }) => into.map(({ weight }) => weight))
  for (const name of [tokenTable, ...read]) addShares(scores, importance, name, 1)
  const written = sublayers.flatMap(({ before, out: { weight, bias }, after }) => [
    ...[...before, weight, ...after],
    ...(bias === undefined ? [] : [bias]),
  ])
  for (const name of [...written, ...stacks.flatMap(({ after }) => after)])
    addShares(scores, importance, name, 0)
  return checkScores(scores, tokenTable)
}

/** The share that each channel between these matrices has, over the features that are kept. */
function innerScores(
  into: readonly Matrix[],
  out: Matrix | undefined,
  importance: Importance,
  features: Indices,
): Float64Array {
  const [{ weight: first }] = into as readonly [Matrix]
  const scores = new Float64Array(importance.shape(first)[0]!)
  for (const { weight, bias } of into) {
    addShares(scores, importance, weight, 0, features)
    if (bias !== undefined) addShares(scores, importance, bias, 0)
  }
  if (out !== undefined) addShares(scores, importance, out.weight, 1, features)
  return checkScores(scores, first)
}

/**
 * Adds to the score of each place along an axis the share of a tensor's importance that lies there.
 *
 * @param across the places along the other axis that count; all by default
 */
function addShares(
  scores: Float64Array,
  importance: Importance,
  name: string,
  axis: 0 | 1,
  across?: Indices,
): void {
  const [rows, columns = 1] = importance.shape(name) as readonly [number, number?]
  const values = importance.values(name)
  let total = 0
  for (const value of values) total += Math.abs(value)
  if (total === 0) return
  const [along, other] = axis === 0 ? [rows, columns] : [columns, rows]
  const [step, stepAcross] = axis === 0 ? [columns, 1] : [1, columns]
  const places = across ?? Array.from({ length: other }, (_, i) => i)
  for (let i = 0; i < along; i++) {
    let sum = 0
    for (const j of places) sum += Math.abs(values[i * step + j * stepAcross]!)
    scores[i]! += sum / total
  }
}

/** The best `count`, in ascending order. */
const best = (scores: Float64Array, count: number): number[] => highest(scores, count).sort((a, b) => a - b)

function bestOfEach(scores: Float64Array, heads: number, part: (size: number) => number): number[] {
  const size = scores.length / heads
  return Array.from({ length: heads }, (_, head) =>
    best(scores.subarray(head * size, (head + 1) * size), part(size)).map((channel) => head * size + channel),
  ).flat()
}
