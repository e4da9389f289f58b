/** Other processes of this machine, by their numbers (Linux). */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'

/** Everything that has an end ends before a test does. */
const betweenLooksMs = 50

/** State and parent of a process; `undefined`: there is none. */
function look(pid: number): { readonly state: string; readonly parent: number } | undefined {
  try {
    const [state, parent] = /\) (\S) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))!.slice(1)
    return { state: state!, parent: Number(parent) }
  } catch {
    return undefined
  }
}

/** A process that has ended counts as gone though nobody has asked how it ended. */
export const isAlive = (pid: number): boolean => !'ZX'.includes(look(pid)?.state ?? 'X')

export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && look(pid)?.parent === parent && isAlive(pid))
    .sort((a, b) => a - b)
}

export async function allGone(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await setTimeout(betweenLooksMs)
}
