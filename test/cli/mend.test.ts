import { expect, test } from 'vitest'
import type { Diagnosis } from '../../src/cli/doctor.js'
import { advice } from '../../src/cli/mend.js'

/** A machine that lacks nothing. */
const sound: Diagnosis = {
  ...{ versions: {}, platform: 'linux x64', processor: 'one', cores: 2, memory: { total: 8e9, free: 4e9 } },
  sharedMemory: { folder: '/dev/shm', free: 1e9 },
  cache: { folder: '/cache', free: 9e9 },
  ...{ devices: [], obstacles: {}, files: [] },
}

test.each<[what: string, over: Partial<Diagnosis>, lines: readonly RegExp[]]>([
  ['nothing', {}, []],
  [
    'a small /dev/shm',
    { sharedMemory: { folder: '/dev/shm', free: 64e6 } },
    [/^workers: \/dev\/shm has less than .*: mount -o remount,size=1G \/dev\/shm \(Docker: --shm-size 1g\)$/],
  ],
  [
    'a full cache',
    { cache: { folder: '/cache', free: 5e8 } },
    [/^cache: \/cache has less than .*: name another folder in VL_LST_CACHE$/],
  ],
  [
    'no MPI',
    { files: [{ for: 'mpi', name: 'libmpi.so.40', found: false }] },
    [/^several machines: install MPI \(Debian: apt install /],
  ],
  [
    'one of two kinds of MPI',
    {
      files: [
        { for: 'mpi', name: 'libmpi.so.40', found: false },
        { for: 'mpi', name: 'libmpi.so.12', found: true },
      ],
    },
    [],
  ],
])('%s: what to type', (_what, over, lines) => {
  expect(advice({ ...sound, ...over })).toEqual(lines.map((line) => expect.stringMatching(line)))
})
