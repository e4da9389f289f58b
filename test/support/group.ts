/** Groups of real processes for tests: each runs a job of `groupMember.mjs`. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createSharedFile } from '../../src/training/workers/sharedFile.js'

const member = fileURLToPath(new URL('groupMember.mjs', import.meta.url))

/** What a worker came to. */
export interface Outcome<T> {
  readonly value: T
  /** What its group noted. */
  readonly notes: readonly string[]
}

export interface GroupOptions {
  /** Where the shared file may be. */
  readonly folders?: readonly string[]
}

/**
 * Runs one job in `size` processes.
 *
 * @returns what each came to, by rank
 * @throws {Error} what the first that failed threw, after all others were killed
 */
export async function inGroup<T>(
  size: number,
  job: string,
  given: unknown,
  { folders }: GroupOptions = {},
): Promise<readonly Outcome<T>[]> {
  const file = createSharedFile(size, folders)
  const children = Array.from({ length: size }, (_, rank) =>
    spawn(
      process.execPath,
      [member, ...[rank, size, file.fds.length].map(String), job, JSON.stringify(given)],
      { stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...file.fds] },
    ),
  )
  file.close()
  try {
    return await Promise.all(children.map((child, rank) => outcomeOf<T>(child, rank)))
  } finally {
    for (const child of children) child.kill('SIGKILL')
  }
}

function outcomeOf<T>(child: ChildProcess, rank: number): Promise<Outcome<T>> {
  return new Promise((resolve, reject) => {
    child.once('message', (message: Outcome<T> | { readonly error: string }) => {
      if ('error' in message) reject(new Error(message.error))
      else resolve(message)
    })
    child.once('exit', (code, signal) => reject(new Error(`worker ${rank} ended with ${signal ?? code}`)))
  })
}
