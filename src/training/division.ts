/** Which samples of a step are run together, and by whom. */
import type { EncodedSample } from '../tasks/index.js'
import { equallyLong } from '../text/index.js'

/** Samples that are run at once. */
type Part = readonly EncodedSample[]

interface Division {
  readonly workers: number
  /** Parts of each worker, at most. */
  readonly accumulate: number
  readonly pad: number
  /** Whether elements are dropped: which ones goes by a row's number, and by its place among the step's columns. */
  readonly drops: boolean
  /** Columns that a sample has beside those of its text and its target. */
  readonly columns: number
}

/**
 * Cuts a step: whatever it is cut into, its loss and its gradients are the same. All targets are as long as the step's
 * longest, which penalties count. So are texts where elements are dropped, and rows stay in their order; else the parts
 * take texts of like length.
 *
 * @returns each worker's parts, by rank
 */
export function divideStep(samples: Part, options: Division): readonly (readonly Part[])[] {
  const { pad, drops, workers, accumulate } = options
  if (drops) return inOrder(padTogether(samples, ['inputIds', 'targetIds'], pad), options)
  const rows = padTogether(samples, ['targetIds'], pad)
  const columns = options.columns + (rows[0]?.targetIds.length ?? 0)
  const parts = byLength(rows, workers * accumulate, columns)
  return range(workers).map((rank) => parts.slice(rank * accumulate, (rank + 1) * accumulate))
}

function inOrder(samples: Part, { workers, accumulate }: Division): Part[][] {
  const border = (of: number) => Math.floor((samples.length * of) / workers)
  return range(workers).map((rank) => {
    const [first, end] = [border(rank), border(rank + 1)]
    const most = Math.max(1, Math.ceil((end - first) / accumulate))
    return range(Math.ceil((end - first) / most)).map((part) =>
      samples.slice(first + part * most, Math.min(first + (part + 1) * most, end)),
    )
  })
}

/** Shortest texts first, unless they stay together, in `count` parts at most, of which the largest, samples · (longest text + columns), is the least. */
function byLength(samples: Part, count: number, columns: number): Part[] {
  if (count === 1) return [samples]
  const sorted = samples.toSorted((a, b) => a.inputIds.length - b.inputIds.length)
  const longest = (sorted.at(-1)?.inputIds.length ?? 0) + columns
  let [least, enough] = [longest, longest * samples.length]
  while (least < enough) {
    const size = Math.floor((least + enough) / 2)
    if (fill(sorted, size, columns).length <= count) enough = size
    else least = size + 1
  }
  return fill(sorted, enough, columns)
}

/** As few parts as there can be of this size. */
function fill(sorted: Part, size: number, columns: number): Part[] {
  const parts: Part[] = []
  let first = 0
  for (const [i, { inputIds }] of sorted.entries()) {
    if ((i + 1 - first) * (inputIds.length + columns) <= size) continue
    parts.push(sorted.slice(first, i))
    first = i
  }
  return first < sorted.length ? [...parts, sorted.slice(first)] : parts
}

/** These ids of all samples as long as the longest. */
function padTogether(samples: Part, lists: readonly ('inputIds' | 'targetIds')[], pad: number): Part {
  const padded = lists.map((list) =>
    equallyLong(
      samples.map((sample) => sample[list]),
      pad,
    ),
  )
  return samples.map((sample, row) => ({
    ...sample,
    ...Object.fromEntries(lists.map((list, i) => [list, padded[i]![row]!])),
  }))
}

const range = (count: number): number[] => [...Array(count).keys()]
