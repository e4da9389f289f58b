/** Commands that mpirun or srun started several times: the processes work together as one program. */
import { hostname } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { kebab, UserError } from '../base/index.js'
import { joinMpi, mpiLaunch, type PartialConfig, soloGroup, type WorkerGroup } from '../training/index.js'
import { describeError, exitCodes, Interrupted } from './errors.js'
import type { Typed } from './given.js'
import type { Place } from './settings.js'
import type { Streams } from './streams.js'

/** What goes wrong in all processes alike is told by the first, which ends the others within this time. */
const precedenceMs = 4000
/** The launcher reads what a process wrote within this time; MPICH's drops what it hasn't read when all end. */
const forwardingMs = 1000

/** Settings of a run on one machine, where vl-lst itself starts the workers: that nothing is asked for, or why not here. */
const onOneMachine = {
  workers: { unasked: 1, why: 'mpirun or srun started the workers, a process each: leave it out' },
  gpus: {
    unasked: null,
    why: 'mpirun or srun started the workers, a process each: leave it out, and choose with --device',
  },
  maxRestarts: {
    unasked: 0,
    why: 'mpirun or srun --kill-on-bad-exit=1 ends a run whose worker died: leave it out, and go on with --resume',
  },
} as const

type OneMachine = keyof typeof onOneMachine

const rows = Object.entries(onOneMachine) as [OneMachine, (typeof onOneMachine)[OneMachine]][]

/** Among workers that a launcher started: what a run had that goes on from one machine is no longer meant. */
export const withoutOneMachine: PartialConfig = Object.fromEntries(
  rows.map(([field, { unasked }]) => [field, unasked]),
)

/** @throws {UserError} a file or the command line asks for what is for one machine */
export function refuseOneMachine(said: PartialConfig, place: Place): void {
  for (const [field, { unasked, why }] of rows)
    if (said[field] !== undefined && said[field] !== unasked)
      throw new UserError(`${place.name(kebab(field))} is for one machine, and ${why}`)
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
    tell = await command(group)
    group.close()
  } catch (error) {
    if (group.rank > 0) await wait(precedenceMs)
    const { text, exitCode } = describeError(error, { debug: typed.debug === true })
    await new Promise((written) => err.write(named(text, group), written))
    await wait(forwardingMs)
    return group.abort(exitCode)
  }
  try {
    tell()
  } catch (error) {
    if (group.rank === 0 || !(error instanceof Interrupted)) throw error
    process.exitCode = exitCodes.interrupted
  }
}

/** Where the line comes from, but for the first process. */
function named(text: string, { rank }: WorkerGroup): string {
  return rank === 0 ? text : text.replace(/^vl-lst: /, `vl-lst: worker ${rank} on ${hostname()}: `)
}
