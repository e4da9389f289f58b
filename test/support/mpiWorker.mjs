/**
 * A process that mpirun starts: `node mpiWorker.mjs DIST JOB`, where DIST is the built program and JOB one of those
 * below. What it finds it prints as a line of JSON.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [dist, name] = process.argv.slice(2)
const training = await import(pathToFileURL(join(dist, 'src', 'training', 'index.js')).href)
const group = joined()
const { rank, size } = group

function joined() {
  try {
    return training.joinMpi(training.mpiLaunch(process.env) ?? {}, process.env)
  } catch (error) {
    process.stderr.write(`${error.name}: ${error.message}\n`)
    return process.exit(2)
  }
}

const digest = ({ buffer }) => createHash('sha256').update(new Uint8Array(buffer)).digest('hex')

const powers = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8]

/** Numbers of all magnitudes, so that the order of a sum shows in its bits; a worker's own, or another's. */
function numbers(length, seed, of) {
  let state = (seed * 7919 + of * 104729 + 1) >>> 0
  return new Float32Array(length).map(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state / 2 ** 31 - 1) * powers[(state >>> 8) % powers.length]
  })
}

/** ((rank 0 + rank 1) + rank 2) + …, each sum in float32. */
function inRankOrder(length, seed) {
  const sum = numbers(length, seed, 0)
  for (let of = 1; of < size; of++) {
    const values = numbers(length, seed, of)
    for (let i = 0; i < length; i++) sum[i] += values[i]
  }
  return sum
}

const jobs = {
  async sum(lengths) {
    const arrays = await group.memory(lengths)
    const zero = arrays.every((array) => array.every((value) => value === 0))
    for (const [seed, array] of arrays.entries()) array.set(numbers(array.length, seed, rank))
    await group.sum(arrays)
    return {
      zero,
      sums: arrays.map(digest),
      wanted: lengths.map((length, seed) => digest(inRankOrder(length, seed))),
    }
  },
  async exchange(lengths) {
    const message = (of) => ({ of, text: 'ü€'.repeat((lengths[of] ?? 0) + of) })
    const all = await group.exchange(message(rank))
    const right = all.every((each, of) => JSON.stringify(each) === JSON.stringify(message(of)))
    return { right, count: all.length }
  },
  /** Calls that are not awaited one by one still meet their own. */
  async together() {
    const [array] = await group.memory([3])
    array.fill(rank + 1)
    const [first, , second] = await Promise.all([
      group.exchange(['a', rank]),
      group.sum([array]),
      group.exchange(['b', rank]),
    ])
    return { first, second, sum: [...array] }
  },
  /** The event loop turns while the last worker is late. */
  async waiting() {
    let ticks = 0
    const timer = setInterval(() => ticks++, 10)
    if (rank === size - 1) await new Promise((done) => setTimeout(done, 1000))
    await group.exchange(null)
    clearInterval(timer)
    return { ticks }
  },
  /** A worker that ends while the others wait for it. */
  async ends(whoEnds) {
    if (rank === whoEnds) process.exit(3)
    await group.exchange(null)
  },
}

const [job, argument] = name.split('=')
const found = await jobs[job](argument === undefined ? undefined : JSON.parse(argument))
process.stdout.write(`${JSON.stringify({ rank, size, ...found })}\n`)
group.close()
group.close()
