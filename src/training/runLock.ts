/**
 * Who works on a run's folder. The kernel's lock of the file `lock` decides, so that a run that was killed holds nothing;
 * what the file says is for people, and decides where the kernel's lock can't be relied on: on a drive that has none, and
 * for another machine on a network drive, whose lock may not reach here.
 */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { UserError } from '../base/index.js'
import { cannotWrite } from '../files/index.js'
import { type LockOutcome, lockFile } from '../runtime/index.js'
import { tryJson } from '../weights/index.js'
import type { RunFolder } from './runFolder.js'

const holderSchema = z.object({
  pid: z.int().positive(),
  /** When the process began, as the kernel counts; a process of the same number that began later is another. */
  began: z.string().nullable(),
  host: z.string(),
  /** Changes when the machine starts again. */
  boot: z.string().nullable(),
})
type Holder = z.infer<typeof holderSchema>

/** What is asked of a machine and its drives. */
export interface Machine {
  readonly host: string
  readonly boot: string | null
  lock(fd: number): LockOutcome
  /** Whether other machines may write there too. */
  isShared(path: string): boolean
  /** When a process began; `undefined`: there is none. */
  began(pid: number): string | null | undefined
}

/** `statfs` types of drives that several machines may have: NFS, SMB (three), FUSE, 9P, Ceph, Lustre, GPFS, AFS. */
const sharedTypes: ReadonlySet<number> = new Set([
  ...[0x6969, 0x517b, 0xfe534d42, 0xff534d42, 0x65735546, 0x01021997, 0x00c36400, 0x0bd00bd0, 0x47504653],
  ...[0x5346414f, 0x6b414653],
])

export const thisMachine: Machine = {
  host: hostname(),
  boot: linuxOnly(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()) ?? null,
  lock: lockFile,
  isShared: (path) => sharedTypes.has(statfsSync(path).type),
  began(pid) {
    if (process.platform === 'linux')
      return linuxOnly(() => /\) \S(?: \S+){18} (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))![1]!)
    try {
      process.kill(pid, 0)
      return null
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ESRCH' ? undefined : null
    }
  },
}

function linuxOnly(read: () => string): string | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** A run's folder, held until it is released or the process ends. */
export class RunLock {
  readonly #machine: Machine
  #held: { readonly file: string; readonly fd: number } | undefined

  constructor(machine: Machine = thisMachine) {
    this.#machine = machine
  }

  /** @throws {UserError} another run holds it, or the file can't be written */
  take(run: RunFolder): void {
    const file = join(run.path, 'lock')
    try {
      this.#held = { file, fd: this.#open(run, file) }
    } catch (error) {
      throw cannotWrite(error, file, 'make room, or make the folder writable')
    }
  }

  #open(run: RunFolder, file: string): number {
    while (true) {
      const fd = openSync(file, 'a+')
      try {
        const outcome = this.#machine.lock(fd)
        this.#refuse(run, file, outcome)
        // Whoever held it before may have removed the file between our opening and locking it.
        if (statSync(file, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) {
          ftruncateSync(fd)
          writeSync(fd, `${JSON.stringify(this.#self())}\n`)
          return fd
        }
      } catch (error) {
        closeSync(fd)
        throw error
      }
      closeSync(fd)
    }
  }

  #self(): Holder {
    const { host, boot, began } = this.#machine
    return { pid: process.pid, began: began(process.pid) ?? null, host, boot }
  }

  #refuse({ path }: RunFolder, file: string, outcome: LockOutcome): void {
    const said = holderSchema.safeParse(tryJson(readFileSync(file, 'utf8'))).data
    const process = said ? ` (process ${said.pid} on ${said.host})` : ''
    if (outcome === 'held' || (said && outcome === 'unknown' && this.#isAlive(said)))
      throw new UserError(`${path} is held by another run${process}: wait for its end, or interrupt it`)
    if (said && this.#isElsewhere(said) && (outcome === 'unknown' || this.#machine.isShared(file))) {
      throw new UserError(
        `${path} is held by a run on another machine${process}: wait for its end, or, where it has died, remove ${file}`,
      )
    }
  }

  #isElsewhere({ host, boot }: Holder): boolean {
    return host !== this.#machine.host && (boot === null || boot !== this.#machine.boot)
  }

  #isAlive({ pid, began, host, boot }: Holder): boolean {
    return host === this.#machine.host && boot === this.#machine.boot && this.#machine.began(pid) === began
  }

  /** Idempotent. */
  release(): void {
    if (!this.#held) return
    const { file, fd } = this.#held
    this.#held = undefined
    try {
      unlinkSync(file)
    } catch {
      // Whoever removed the folder wanted it so; without our lock the file counts for nothing.
    }
    closeSync(fd)
  }
}

/** Whatever the work takes, it holds to its end. */
export async function withRunLock<T>(work: (lock: RunLock) => Promise<T>): Promise<T> {
  const lock = new RunLock()
  try {
    return await work(lock)
  } finally {
    lock.release()
  }
}
