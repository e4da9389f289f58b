/** Processes that do the same work, each a share of it. All of them make the same calls in the same order. */
export interface Crew {
  /** From 0. */
  readonly rank: number
  readonly size: number
  /** Ends when all have called it. @returns every one's message (JSON), by rank */
  exchange<T>(message: T): Promise<readonly T[]>
}

/** Work whose results go into the cache: the first does it, then the others find them there. */
export async function firstAlone<T>(crew: Crew, work: () => Promise<T> | T): Promise<T> {
  if (crew.rank > 0) await crew.exchange(null)
  const result = await work()
  if (crew.rank === 0) await crew.exchange(null)
  return result
}
