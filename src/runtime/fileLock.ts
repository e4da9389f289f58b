/** The kernel's locks of files: they end with the process that holds them, however it ends. */
import { constants } from 'node:os'
import koffi from 'koffi'

/** `unknown`: this platform or this drive has no such locks. */
export type LockOutcome = 'taken' | 'held' | 'unknown'

const exclusiveWithoutWaiting = 2 | 4 // LOCK_EX | LOCK_NB

type Flock = (fd: number, operation: number) => number
let flockFunction: Flock | undefined

function flock(): Flock {
  if (!flockFunction) {
    const libc = koffi.load(process.platform === 'darwin' ? 'libSystem.B.dylib' : 'libc.so.6')
    flockFunction = libc.func('int flock(int, int)') as Flock
  }
  return flockFunction
}

/** @param fd an open file; closing it gives the lock back */
export function lockFile(fd: number): LockOutcome {
  if (process.platform === 'win32') return 'unknown'
  if (flock()(fd, exclusiveWithoutWaiting) === 0) return 'taken'
  return koffi.errno() === constants.errno.EWOULDBLOCK ? 'held' : 'unknown'
}
