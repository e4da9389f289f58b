/** Gradients of several processes of this machine, summed through MPI, beside a plain copy of as much memory. */
import { execFileSync } from 'node:child_process'
import { cpus, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { compareEach, writeResults } from './results.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const text = (value) => ({ type: 'string', default: value })

export async function benchMpi(args) {
  const { values } = parseArgs({
    args,
    options: {
      processes: text('4'),
      megabytes: text('64'),
      rounds: text('9'),
      mpirun: text('mpirun.openmpi --oversubscribe'),
      out: text(join(here, 'out', 'mpi.json')),
    },
  })
  const each = { processes: values.processes.split(','), megabytes: values.megabytes.split(',') }
  const results = await compareEach(each, (one) => measure({ ...values, ...one }), describe)
  const machine = { processor: cpus()[0].model, cores: cpus().length, memoryBytes: totalmem() }
  writeResults(values.out, { date: new Date().toISOString(), mpirun: values.mpirun, machine, results })
}

function measure({ processes, megabytes, rounds, mpirun }) {
  const [program, ...words] = mpirun.split(' ')
  const worker = [process.execPath, join(here, 'mpi-worker.mjs'), megabytes, rounds]
  const asRoot = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' }
  const printed = execFileSync(program, [...words, '-n', processes, ...worker], {
    env: { ...process.env, ...asRoot },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const { sumMs, copyMs } = JSON.parse(printed)
  return { processes: Number(processes), megabytes: Number(megabytes), sumMs, copyMs }
}

function describe({ processes, megabytes, sumMs, copyMs }) {
  const [sum, copy] = [sumMs, copyMs].map((times) => Math.min(...times))
  return (
    `${megabytes} MB of ${processes} processes: summed in ${sum.toFixed(0)} ms (median ${median(sumMs).toFixed(0)}), ` +
    `copied in ${copy.toFixed(0)} ms`
  )
}

const median = (times) => times.toSorted((a, b) => a - b)[times.length >> 1]
