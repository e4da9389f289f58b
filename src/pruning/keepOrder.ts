/**
 * The order in which the reference keeps rows: CPython's iteration over `set(range(n)) − set(pruned)`, which goes
 * through a hash table and is ascending only while no number wraps around it. Which rows form a head depends on it.
 */

/** Entries are few against the slots, so a probe that fails here and there finds one that is free. */
const neighbours = 9
const smallestTable = 8
const perturbShift = 5

/**
 * @param pruned some of 0 … `n` − 1, each once
 * @returns the others, in the reference's order
 */
export function keepOrder(n: number, pruned: Iterable<number>): number[] {
  const gone = new Set(pruned)
  const kept = Array.from({ length: n }, (_, i) => i).filter((i) => !gone.has(i))
  // A set with few entries to lose is copied, and a copy of 0 … n − 1 stays in order.
  return Math.floor(n / 4) > gone.size ? kept : throughHashTable(kept)
}

/** CPython's set of small whole numbers, filled in that order and read slot by slot. */
function throughHashTable(numbers: readonly number[]): number[] {
  let table = emptyTable(smallestTable)
  let filled = 0
  for (const number of numbers) {
    insert(table, number)
    filled++
    if (filled * 5 >= (table.length - 1) * 3) table = grown(table, filled)
  }
  return entriesOf(table)
}

type Table = (number | undefined)[]

const emptyTable = (slots: number): Table => new Array<number | undefined>(slots).fill(undefined)
const entriesOf = (table: Table): number[] => table.filter((entry) => entry !== undefined)

function grown(table: Table, filled: number): Table {
  let slots = smallestTable
  while (slots <= filled * 4) slots *= 2
  const larger = emptyTable(slots)
  for (const entry of entriesOf(table)) insert(larger, entry)
  return larger
}

/** A number is its own hash. */
function insert(table: Table, number: number): void {
  const mask = table.length - 1
  let [slot, perturb] = [number & mask, number]
  while (true) {
    const last = slot + neighbours <= mask ? slot + neighbours : slot
    for (let i = slot; i <= last; i++) {
      if (table[i] !== undefined) continue
      table[i] = number
      return
    }
    perturb >>>= perturbShift
    slot = (slot * 5 + 1 + perturb) & mask
  }
}
