/**
 * A worker of a test's group, in a process of its own, started by `group.ts`: the arguments are rank, size, how many
 * descriptors it inherited, a job and what the job is given (JSON). What comes out is sent to the parent.
 */
import { createHash } from 'node:crypto'
import { nativeRuntime } from '../../dist/src/runtime/index.js'
import { joinSharedGroup } from '../../dist/src/training/workers/sharedMemory.js'

/** What a rank puts at a place before round `round` of sums. `group.test.ts` has the same. */
const valueAt = (rank, round, i) => Math.sin(1 + rank * 7 + round * 3 + i * 0.37) * 10 ** ((i % 7) - 3)
const digest = (array) => createHash('sha256').update(array).digest('hex')

const jobs = {
  /** Sums arrays of each row's lengths, some times. @returns a row each: digests of each round's */
  async sums(group, { rows, rounds }) {
    const results = []
    for (const lengths of rows) {
      const arrays = await group.memory(lengths)
      const zero = arrays.every((array) => array.every((value) => value === 0))
      const digests = []
      for (let round = 0; round < rounds; round++) {
        for (const array of arrays) for (const i of array.keys()) array[i] = valueAt(group.rank, round, i)
        await group.sum(arrays)
        digests.push(arrays.map(digest))
      }
      results.push({ zero, digests })
    }
    return results
  },
  /**
   * Sums this worker's spans alone, some times, and writes them into common memory.
   *
   * @param given.own spans by rank
   * @returns each round's digests of what all have written there, after a meeting
   */
  async ownSums(group, { lengths, own, rounds }) {
    const [arrays, sums] = [await group.memory(lengths), await group.common.memory(lengths)]
    const spans = own[group.rank]
    const zero = sums.every((array) => array.every((value) => value === 0))
    const digests = []
    for (let round = 0; round < rounds; round++) {
      for (const array of arrays) for (const i of array.keys()) array[i] = valueAt(group.rank, round, i)
      await group.common.sum(arrays, spans)
      for (const { slab, begin, end } of spans) sums[slab].set(arrays[slab].subarray(begin, end), begin)
      await group.common.meet()
      digests.push(sums.map(digest))
      await group.common.meet()
    }
    return { zero, digests }
  },
  /** Sends texts of these lengths, a row a rank, one after the other. @returns digests of what came */
  async messages(group, { lengths }) {
    const received = []
    for (const length of lengths[group.rank]) {
      const messages = await group.exchange({ from: group.rank, text: 'é'.repeat(length) })
      received.push(messages.map(({ from, text }) => [from, text.length, text === 'é'.repeat(text.length)]))
    }
    return received
  },
  /** Comes late by its rank. @returns when it went on, and how often its event loop turned meanwhile */
  async meets(group, { lateMs }) {
    let turns = 0
    const turning = setInterval(() => turns++, 1)
    await new Promise((resolve) => setTimeout(resolve, lateMs * group.rank))
    const cameAt = Date.now()
    await group.exchange(null)
    clearInterval(turning)
    return { cameAt, wentAt: Date.now(), turns }
  },
  /**
   * A training run.
   *
   * @param given.stopAt whom to interrupt, and after how many times that it was asked whether it is to end
   */
  async train(group, { config, stopAt, ...options }) {
    const { train } = await import('../../dist/src/training/index.js')
    const stop = new AbortController()
    const events = []
    let asked = 0
    const exchange = (message) => {
      if (typeof message === 'boolean' && ++asked === stopAt?.times && group.rank === stopAt.rank)
        setImmediate(() => stop.abort())
      return group.exchange(message)
    }
    const result = await train(config, {
      ...{ ...options, command: 'vl-lst train', signal: stop.signal },
      group: {
        ...{ rank: group.rank, size: group.size, exchange, close: () => group.close() },
        memory: (lengths) => group.memory(lengths),
        sum: (arrays) => group.sum(arrays),
        common: group.common,
      },
      report: (event) => events.push(event),
    })
    return { result, events }
  },
}

const [rank, size, descriptors, job, given] = process.argv.slice(2)
const notes = []
const group = joinSharedGroup({
  fds: Array.from({ length: Number(descriptors) }, (_, i) => 4 + i),
  ...{ rank: Number(rank), size: Number(size), runtime: nativeRuntime, threads: 1 },
  onNote: (text) => notes.push(text),
})
try {
  process.send({ value: await jobs[job](group, JSON.parse(given)), notes })
} catch (error) {
  process.send({ error: `${error.name}: ${error.message}` })
}
group.close()
process.disconnect()
