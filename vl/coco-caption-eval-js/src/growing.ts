/** Whole numbers one after the other, as many as come. */
export class Growing {
  items = new Int32Array(2 ** 12)
  count = 0

  push(number: number): void {
    if (this.count === this.items.length) this.items = grown(this.items, 2 * this.count)
    this.items[this.count++] = number
  }

  /** Those that have come. */
  get all(): Int32Array {
    return this.items.subarray(0, this.count)
  }
}

/** The same numbers, and zeros behind them. */
export function grown(numbers: Int32Array, size: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(size)
  larger.set(numbers)
  return larger
}
