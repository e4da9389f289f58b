/** Workers that meet through MPI: real processes, of Open MPI and of MPICH. */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { mpiLaunch } from '../../../src/training/workers/mpiLaunch.js'
import { dist, type MpiKind, mpiKinds, startMpi, withoutMpi } from '../../support/mpi.js'

const worker = fileURLToPath(new URL('../../support/mpiWorker.mjs', import.meta.url))

/** @returns what each worker printed, by rank */
async function together<T>(kind: MpiKind, processes: number, job: string) {
  const { code, out, err } = await startMpi(kind, processes, [worker, dist, job]).ended
  expect(code, err).toBe(0)
  const found = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T & { readonly rank: number; readonly size: number })
  expect(found.map(({ rank }) => rank).sort()).toEqual(Array.from({ length: processes }, (_, rank) => rank))
  expect(found.every(({ size }) => size === processes)).toBe(true)
  return found.sort((a, b) => a.rank - b.rank)
}

describe.skipIf(withoutMpi).each(mpiKinds)('through %s', (kind) => {
  test.each([2, 4])('%i workers get the bits of the sum in rank order', async (processes) => {
    // Nothing, fewer than workers, uneven shares, and more than is summed at once (2²²).
    const lengths = [0, 1, 7, 1003, 2 ** 22 + 5]
    const found = await together<{ zero: boolean; sums: string[]; wanted: string[] }>(
      kind,
      processes,
      `sum=${JSON.stringify(lengths)}`,
    )
    for (const { zero, sums, wanted } of found) {
      expect(zero).toBe(true)
      expect(sums).toEqual(wanted)
    }
  })

  test('messages of any length arrive, longer than one round too', async () => {
    const lengths = [0, 700_000, 3]
    const found = await together<{ right: boolean; count: number }>(
      kind,
      3,
      `exchange=${JSON.stringify(lengths)}`,
    )
    expect(found.map(({ right, count }) => [right, count])).toEqual([
      [true, 3],
      [true, 3],
      [true, 3],
    ])
  })

  test('calls that are not awaited one by one meet their own', async () => {
    const found = await together<{ first: unknown; second: unknown; sum: number[] }>(kind, 2, 'together')
    const pair = (name: string) => [
      [name, 0],
      [name, 1],
    ]
    for (const { first, second, sum } of found)
      expect({ first, second, sum }).toEqual({ first: pair('a'), second: pair('b'), sum: [3, 3, 3] })
  })

  test('the event loop turns while others are late', async () => {
    const [first] = await together<{ ticks: number }>(kind, 2, 'waiting')
    expect(first!.ticks).toBeGreaterThan(5)
  })

  test('a worker that ends takes the others with it', async () => {
    const { code, out } = await startMpi(kind, 3, [worker, dist, 'ends=1']).ended
    expect({ code, out }).toEqual({ code: 3, out: '' })
  })

  test('the library of another MPI than the launcher’s is refused in one line', async () => {
    const other = kind === 'MPICH' ? 'libmpi.so.40' : 'libmpich.so.12'
    const { code, err } = await startMpi(kind, 2, [worker, dist, 'waiting'], { env: { VL_LST_MPI: other } })
      .ended
    expect(code).toBe(2)
    expect(err).toContain(`UserError: 2 processes were started, and ${other} (`)
    expect(err).toContain(' sees 1: name the library of the mpirun or srun that started them by VL_LST_MPI')
  })

  test.each([
    ['libc.so.6', "libc.so.6 is neither Open MPI nor of MPICH's kind"],
    ['nowhere.so', "VL_LST_MPI=nowhere.so can't be loaded"],
  ])('%s is no MPI', async (file, line) => {
    const { code, err } = await startMpi(kind, 2, [worker, dist, 'waiting'], { env: { VL_LST_MPI: file } })
      .ended
    expect(code).toBe(2)
    expect(err).toContain(line)
  })
})

test.each([
  [{}, undefined],
  [{ OMPI_COMM_WORLD_SIZE: '1', PMIX_RANK: '0' }, undefined],
  [
    { OMPI_COMM_WORLD_SIZE: '8', PMIX_RANK: '3' },
    { size: 8, prefer: 'Open MPI' },
  ],
  [
    { PMI_SIZE: '4', PMI_RANK: '0' },
    { size: 4, prefer: 'MPICH' },
  ],
  [{ SLURM_STEP_NUM_TASKS: '4', PMIX_RANK: '0' }, { size: 4 }],
  [{ SLURM_STEP_NUM_TASKS: '1', PMIX_RANK: '0' }, undefined],
  [{ SLURM_NTASKS: '4', SLURM_JOB_ID: '7' }, undefined], // a batch script of four tasks, before srun
  [{ PMIX_RANK: '0' }, {}],
])('%j tells %j', (environment, launch) => {
  expect(mpiLaunch(environment)).toEqual(launch)
})
