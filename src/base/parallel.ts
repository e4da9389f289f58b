/**
 * Results in the items' order, of which at most `most` are awaited at a time. An item is asked for when its turn comes.
 *
 * @throws what the first of them threw, once none is under way
 */
export async function inParallel<T, R>(
  items: Iterable<T>,
  most: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  const failures: unknown[] = []
  let next = 0
  const queue = items[Symbol.iterator]()
  const lane = async () => {
    while (failures.length === 0) {
      const index = next++
      try {
        const { done, value } = queue.next()
        if (done) return
        results[index] = await work(value)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: most }, lane))
  if (failures.length > 0) throw failures[0]
  return results
}
