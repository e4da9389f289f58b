/**
 * MPI's functions, called through koffi. Two binary interfaces exist, which differ in what a handle is: Open MPI's are
 * addresses of variables of the library, MPICH's (and its relatives': Intel MPI, MVAPICH, Cray MPICH) are integers that
 * its `mpi.h` fixes.
 *
 * @see https://www.mpi-forum.org/docs/mpi-4.1/mpi41-report.pdf
 */
import koffi, { type LibraryHandle } from 'koffi'
import { UserError } from '../../base/index.js'
import { mpiFiles } from '../../runtime/index.js'
import type { MpiLaunch } from './mpiLaunch.js'

type Kind = NonNullable<MpiLaunch['prefer']>

interface Abi {
  /** How C passes a handle. */
  readonly handle: string
  handles(library: LibraryHandle): Readonly<Record<'world' | 'byte' | 'errorsReturn', unknown>>
}

const abis: Readonly<Record<Kind, Abi>> = {
  'Open MPI': {
    handle: 'void*',
    handles: (library) => ({
      world: library.symbol('ompi_mpi_comm_world'),
      byte: library.symbol('ompi_mpi_byte'),
      errorsReturn: library.symbol('ompi_mpi_errors_return'),
    }),
  },
  MPICH: {
    handle: 'int',
    handles: () => ({ world: 0x44000000, byte: 0x4c00010d, errorsReturn: 0x54000001 }),
  },
}

/** Arguments, where `H` is a handle. All return an error code. */
const signatures = {
  MPI_Init_thread: 'void*, void*, int, _Out_ int*',
  MPI_Comm_set_errhandler: 'H, H',
  MPI_Comm_rank: 'H, _Out_ int*',
  MPI_Comm_size: 'H, _Out_ int*',
  MPI_Allgather: 'const void*, int, H, void*, int, H, H',
  MPI_Allgatherv: 'const void*, int, H, void*, const void*, const void*, H, H',
  MPI_Alltoallv: 'const void*, const void*, const void*, H, void*, const void*, const void*, H, H',
  MPI_Abort: 'H, int',
  MPI_Finalize: '',
} as const

type Name = keyof typeof signatures

export interface MpiLibrary {
  readonly file: string
  readonly kind: Kind
  readonly handles: ReturnType<Abi['handles']>
  /** @throws {Error} what the library says */
  call(name: Name, ...values: unknown[]): void
  /** On a thread of its own. Whatever memory it is given must live, and stay as it is, until it ends. */
  callLater(name: Name, ...values: unknown[]): Promise<void>
}

export const libraryVariable = 'VL_LST_MPI'

let loaded: MpiLibrary | undefined

/**
 * The library, loaded once a process.
 *
 * @param named a file to take in place of those that are usual
 * @throws {UserError} none is found, or it has neither interface
 */
export function mpiLibrary(prefer: Kind | undefined, named: string | undefined): MpiLibrary {
  loaded ??= load(prefer, named)
  return loaded
}

function load(prefer: Kind | undefined, named: string | undefined): MpiLibrary {
  const { file, library } = open(named === undefined ? usualFiles(prefer) : [named], named)
  const kind = kindOf(library, file)
  const { handle, handles } = abis[kind]
  const native = (name: string, values: string) =>
    library.func(`int ${name}(${values.replaceAll(/\bH\b/g, handle)})`)
  const functions = Object.fromEntries(
    Object.entries(signatures).map(([name, values]) => [name, native(name, values)]),
  ) as Readonly<Record<Name, ReturnType<typeof native>>>
  const errorString = native('MPI_Error_string', 'int, void*, _Out_ int*')
  const check = (name: Name, code: number) => {
    if (code === 0) return
    const [text, length] = [Buffer.alloc(longestText), [0]]
    errorString(code, text, length)
    throw new Error(`${name} of ${file}: ${text.toString('utf8', 0, length[0])}`)
  }
  return {
    ...{ file, kind, handles: handles(library) },
    call: (name, ...values) => check(name, functions[name](...values)),
    callLater: (name, ...values) =>
      new Promise((resolve, reject) => {
        functions[name].async(...values, (error: unknown, code: number) => {
          void values // the memory that they show is in use until here
          try {
            if (error) throw error
            check(name, code)
            resolve()
          } catch (failure) {
            reject(failure)
          }
        })
      }),
  }
}

/** Above what any library needs for an error (MPI_MAX_ERROR_STRING) or its version. */
const longestText = 16384

function usualFiles(prefer: Kind | undefined): readonly string[] {
  const kinds = Object.keys(abis) as Kind[]
  const ranked = [...kinds].sort((a, b) => Number(b === prefer) - Number(a === prefer))
  return ranked.flatMap((kind) => mpiFiles[kind])
}

function open(files: readonly string[], named: string | undefined) {
  let failure: unknown
  for (const file of files) {
    try {
      // Open MPI's plug-ins look for its symbols among those of the whole process.
      return { file, library: koffi.load(file, { global: true, lazy: true }) }
    } catch (error) {
      failure = error
    }
  }
  if (named === undefined) {
    throw new UserError(
      `started by MPI, and its library is not found (${files[0]} and others): ` +
        `install Open MPI or MPICH, or name its library by ${libraryVariable}`,
    )
  }
  const reason = failure instanceof Error ? failure.message : String(failure)
  throw new UserError(`${libraryVariable}=${named} can't be loaded (${reason}): name the library of an MPI`)
}

const relativesOfMpich = /MPICH|MVAPICH|Intel\(R\) MPI/i

function kindOf(library: LibraryHandle, file: string): Kind {
  if (hasSymbol(library, 'ompi_mpi_comm_world')) return 'Open MPI'
  const version = hasSymbol(library, 'MPI_Get_library_version') ? versionOf(library) : 'no MPI'
  if (relativesOfMpich.test(version)) return 'MPICH'
  throw new UserError(
    `${file} is neither Open MPI nor of MPICH's kind (${version.slice(0, 60)}): ` +
      `name the library of one of them by ${libraryVariable}`,
  )
}

function hasSymbol(library: LibraryHandle, name: string): boolean {
  try {
    library.symbol(name)
    return true
  } catch {
    return false
  }
}

/** Its first line. */
function versionOf(library: LibraryHandle): string {
  const [text, length] = [Buffer.alloc(longestText), [0]]
  library.func('int MPI_Get_library_version(void*, _Out_ int*)')(text, length)
  return text.toString('utf8', 0, length[0]).split('\n')[0]!
}
