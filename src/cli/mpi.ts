/** Commands that mpirun or srun started several times: the processes work together as one program. */
import { availableParallelism, cpus, hostname } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { UserError } from '../base/index.js'
import { joinMpi, mpiLaunch, soloGroup, type WorkerGroup } from '../training/index.js'
import { describeError, exitCodes, Interrupted } from './errors.js'
import type { Typed } from './given.js'
import type { Streams } from './streams.js'

/** What goes wrong in all processes alike is told by the first, which ends the others within this time. */
const precedenceMs = 2000

/** Options of a run on one machine, where vl-lst itself starts the workers. */
const onOneMachine: Readonly<Record<string, string>> = {
  workers: 'mpirun or srun started the workers, a process each: leave it out',
  gpus: 'mpirun or srun started the workers, a process each: leave it out, and choose with --device',
  'max-restarts': 'mpirun or srun ends a run whose worker died: leave it out, and go on with --resume',
}

/**
 * Runs a command among its equals, or alone where it was started alone. Where it throws in one of them, that one tells it
 * and ends all.
 *
 * @param command ends in all of them with what is left to tell, which the first one does when they have parted
 * @throws {UserError} there is no MPI to join
 * @throws whatever there is to tell
 */
export async function withMpi(
  typed: Typed,
  { err }: Streams,
  command: (group: WorkerGroup) => Promise<() => void>,
): Promise<void> {
  const launch = mpiLaunch(process.env)
  if (launch === undefined) return (await command(soloGroup))()
  const group = joinMpi(launch, process.env)
  let tell: () => void
  try {
    refuseOptions(typed)
    tell = await command(group)
    group.close()
  } catch (error) {
    if (group.rank > 0) await wait(precedenceMs)
    const { text, exitCode } = describeError(error, { debug: typed.debug === true })
    await new Promise((written) => err.write(named(text, group), written))
    return group.abort(exitCode)
  }
  try {
    tell()
  } catch (error) {
    if (group.rank === 0 || !(error instanceof Interrupted)) throw error
    process.exitCode = exitCodes.interrupted
  }
}

/** Threads of this process, where several may share a machine. */
export async function threadsOf(group: WorkerGroup): Promise<number> {
  const hosts = await group.exchange(hostname())
  const here = hosts.filter((host) => host === hostname()).length
  // Where the launcher gave each process cores of its own, they are fewer than the machine's share.
  return Math.max(1, Math.min(availableParallelism(), Math.floor(cpus().length / here)))
}

function refuseOptions(typed: Typed): void {
  for (const [option, why] of Object.entries(onOneMachine))
    if (typed[option] !== undefined) throw new UserError(`--${option} is for one machine, and ${why}`)
}

/** Where the line comes from, but for the first process. */
function named(text: string, { rank }: WorkerGroup): string {
  return rank === 0 ? text : text.replace(/^vl-lst: /, `vl-lst: worker ${rank} on ${hostname()}: `)
}
