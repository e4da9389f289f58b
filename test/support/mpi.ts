/** Programs started by mpirun, Open MPI's and MPICH's. */
import { spawn, spawnSync } from 'node:child_process'
import { resolve } from 'node:path'

/** Debian's names; where only one MPI is installed, its mpirun is not found under the other's. */
const launchers = {
  'Open MPI': { program: 'mpirun.openmpi', words: ['--oversubscribe'] },
  MPICH: { program: 'mpiexec.hydra', words: [] },
} as const

export type MpiKind = keyof typeof launchers
export const mpiKinds = Object.keys(launchers) as MpiKind[]

/** There is no Debian to install from: these tests are left out. */
export const withoutMpi = process.platform !== 'linux'

export const dist = resolve(process.env.VL_LST_DIST ?? 'dist')

/** Below the time that a test has. */
const longestMs = 90_000

export interface MpiEnded {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface MpiStarted {
  interrupt(): void
  /** Resolves when standard error has shown this. */
  shown(text: string): Promise<void>
  readonly ended: Promise<MpiEnded>
}

/** @throws {Error} the launcher is missing: what to type */
export function startMpi(
  kind: MpiKind,
  processes: number,
  words: readonly string[],
  { cwd, env = {} }: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): MpiStarted {
  const { program, words: own } = launchers[kind]
  if (spawnSync(program, ['--version']).error)
    throw new Error(`${program} is missing: type apt-get install -y openmpi-bin mpich`)
  const child = spawn(program, [...own, '-n', String(processes), process.execPath, ...words], {
    ...(cwd === undefined ? {} : { cwd }),
    env: {
      ...process.env,
      ...{ OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1', NO_COLOR: '1' },
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: longestMs,
    killSignal: 'SIGKILL',
  })
  let [out, err] = ['', '']
  const listeners = new Set<() => void>()
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
    for (const listener of listeners) listener()
  })
  return {
    interrupt: () => child.kill('SIGINT'),
    shown: (text) =>
      new Promise((done) => {
        const look = () => err.includes(text) && done()
        listeners.add(look)
        look()
      }),
    ended: new Promise((done) => child.on('close', (code) => done({ code, out, err }))),
  }
}
