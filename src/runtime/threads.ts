/** The threads of a process that is one of several on its machine. */
let share: number | undefined

/** Sessions that are told no number of threads take so many from now on, not one for each core. */
export function limitThreads(threads: number): void {
  share = threads
}

/** `undefined`: all cores are this process's own. */
export const threadShare = (): number | undefined => share
