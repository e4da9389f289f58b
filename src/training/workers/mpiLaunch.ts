/** Whether this process is one of several that a launcher of MPI started, as its environment tells; no library is loaded. */

export interface MpiLaunch {
  /** Processes that were started together, more than one; absent where MPI alone knows. */
  readonly size?: number
  /** Of its two kinds of library, the one that goes with the launcher, where that is known. */
  readonly prefer?: 'Open MPI' | 'MPICH'
}

interface Launcher extends Pick<MpiLaunch, 'prefer'> {
  /** Which it sets in the processes that it starts. */
  readonly variable: string
  /** Its value is the number of processes. */
  readonly tellsSize: boolean
}

/** The first whose variable is set counts. */
const launchers: readonly Launcher[] = [
  { variable: 'OMPI_COMM_WORLD_SIZE', tellsSize: true, prefer: 'Open MPI' }, // Open MPI's mpirun
  { variable: 'PMI_SIZE', tellsSize: true, prefer: 'MPICH' }, // MPICH's mpiexec, srun --mpi=pmi2
  { variable: 'SLURM_STEP_NUM_TASKS', tellsSize: true }, // srun, with any or without MPI
  { variable: 'PMIX_RANK', tellsSize: false }, // others of PMIx, such as prterun
]

/** @returns nothing where this process was started alone */
export function mpiLaunch(environment: Readonly<Record<string, string | undefined>>): MpiLaunch | undefined {
  const launcher = launchers.find(({ variable }) => environment[variable] !== undefined)
  if (launcher === undefined) return undefined
  const { variable, tellsSize, prefer } = launcher
  const kind = prefer ? { prefer } : {}
  if (!tellsSize) return kind
  const size = Number(environment[variable])
  return size > 1 ? { size, ...kind } : undefined
}
