/**
 * A process of `mpi.mjs`: joins the others, then sums an array of MB megabytes ROUNDS times.
 *
 *   mpirun -n 4 node mpi-worker.mjs MB ROUNDS
 *
 * The first process prints milliseconds a round as JSON: of the sum, and of a plain copy of as much memory.
 */
import { joinMpi, mpiLaunch } from '../../dist/src/training/index.js'

const [megabytes, rounds] = process.argv.slice(2).map(Number)
const group = joinMpi(mpiLaunch(process.env) ?? {}, process.env)
const [array] = await group.memory([(megabytes * 1e6) / 4])
const other = new Float32Array(array.length)
const [sumMs, copyMs] = [[], []]
for (let round = 0; round <= rounds; round++) {
  array.fill(1)
  await group.exchange(null)
  let began = performance.now()
  await group.sum([array])
  const took = performance.now() - began
  if (array.some((value) => value !== group.size)) throw new Error('a sum is wrong')
  await group.exchange(null)
  began = performance.now()
  if (group.rank === 0) other.set(array)
  const copied = performance.now() - began
  if (round === 0) continue // connections are made, pages are touched
  sumMs.push(took)
  copyMs.push(copied)
}
if (group.rank === 0) process.stdout.write(`${JSON.stringify({ size: group.size, sumMs, copyMs })}\n`)
group.close()
