/**
 * ONNX Runtime's C interface, called through koffi. The interface is a table of function pointers that only ever
 * grows, so an index keeps its meaning; `GetVersionString` is compared with the package's version all the same.
 *
 * Traps: a null handle is a crash, not an error (so handles live in `CSession`, which refuses use after release);
 * a value over a JavaScript array does not keep the array alive (so `HostTensor` holds it).
 */
import koffi from 'koffi'
import { UserError } from '../base/index.js'
import { disableTelemetry, findLibrary } from './library.js'

/** A native address. */
export type Pointer = unknown
type Call = (...values: unknown[]) => Pointer

const apiVersion = 22

/**
 * Asynchronous calls run on stacks of koffi's own, by default of 128 kB: a driver that compiles a shader there needs
 * more (SwiftShader died). What isn't touched takes no memory. To be set before the first call.
 */
koffi.config({ ...koffi.config(), async_stack_size: 8 * 2 ** 20 })

/** Position in the table, and the arguments; each function returns a status that is null when all went well. */
const signatures = {
  CreateEnv: [3, 'int, const char*, _Out_ void**'],
  CreateSessionFromArray: [8, 'void*, const uint8_t*, size_t, void*, _Out_ void**'],
  CreateSessionOptions: [10, '_Out_ void**'],
  EnableProfiling: [14, 'void*, const void*'],
  DisableMemPattern: [17, 'void*'],
  SetSessionGraphOptimizationLevel: [23, 'void*, int'],
  SetIntraOpNumThreads: [24, 'void*, int'],
  CreateRunOptions: [39, '_Out_ void**'],
  CreateTensorAsOrtValue: [48, 'void*, const int64_t*, size_t, int, _Out_ void**'],
  CreateTensorWithDataAsOrtValue: [49, 'void*, void*, size_t, const int64_t*, size_t, int, _Out_ void**'],
  GetTensorMutableData: [51, 'void*, _Out_ void**'],
  CreateMemoryInfo: [68, 'const char*, int, int, int, _Out_ void**'],
  CreateCpuMemoryInfo: [69, 'int, int, _Out_ void**'],
  GetAllocatorWithDefaultOptions: [78, '_Out_ void**'],
  SessionEndProfiling: [110, 'void*, void*, _Out_ void**'],
  AddSessionConfigEntry: [130, 'void*, const char*, const char*'],
  CreateAllocator: [131, 'void*, void*, _Out_ void**'],
  RunWithBinding: [133, 'void*, void*, void*'],
  CreateIoBinding: [134, 'void*, _Out_ void**'],
  BindInput: [136, 'void*, const char*, void*'],
  BindOutput: [137, 'void*, const char*, void*'],
  CreateAndRegisterAllocator: [144, 'void*, void*, void*'],
  CreateArenaCfgV2: [164, 'const char**, const size_t*, size_t, _Out_ void**'],
  SessionOptionsAppendExecutionProvider_CUDA_V2: [204, 'void*, void*'],
  CreateCUDAProviderOptions: [205, '_Out_ void**'],
  UpdateCUDAProviderOptions: [206, 'void*, const char**, const char**, size_t'],
  SessionOptionsAppendExecutionProvider: [216, 'void*, const char*, const char**, const char**, size_t'],
} as const satisfies Record<string, readonly [number, string]>

const releases = {
  ReleaseStatus: 93,
  ReleaseMemoryInfo: 94,
  ReleaseSession: 95,
  ReleaseValue: 96,
  ReleaseSessionOptions: 100,
  ReleaseAllocator: 132,
  ReleaseIoBinding: 135,
  ReleaseArenaCfg: 157,
  ReleaseCUDAProviderOptions: 208,
} as const

export type Api = Readonly<Record<keyof typeof signatures, (...values: unknown[]) => void>> &
  Readonly<Record<keyof typeof releases, (handle: Pointer) => void>> & {
    /** These two work on a thread of their own. */
    readonly createSessionAsync: (env: Pointer, model: Uint8Array, settings: Pointer) => Promise<Pointer>
    readonly runAsync: (session: Pointer, options: Pointer, binding: Pointer) => Promise<void>
    readonly env: Pointer
    readonly cpu: Pointer
    readonly allocator: Pointer
    readonly runOptions: Pointer
  }

let loaded: Api | undefined

/**
 * The interface, loaded once a process.
 *
 * @throws {UserError} the library can't be loaded here, or is another version than the package's
 */
export function capi(): Api {
  loaded ??= load()
  return loaded
}

/** The zero-terminated text at an address. */
export function readText(pointer: Pointer): string {
  return koffi.decode(pointer, 'char', -1) as string
}

/** Calls a function whose last argument receives a handle. */
export function made(call: (...values: unknown[]) => void, ...values: unknown[]): Pointer {
  const out: [Pointer] = [null]
  call(...values, out)
  return out[0]
}

function load(): Api {
  disableTelemetry()
  const { path, version } = findLibrary()
  const library = openLibrary(path)
  const base = koffi.decode(
    library.func('void* OrtGetApiBase()')(),
    koffi.struct({ GetApi: 'void*', GetVersionString: 'void*' }),
  )
  const loadedVersion = koffi.decode(
    base.GetVersionString,
    koffi.proto('const char* OrtVersion()'),
  )() as string
  if (loadedVersion !== version) {
    throw new UserError(`${path} is ONNX Runtime ${loadedVersion}, not ${version}: type npm ci`)
  }
  const table = koffi.decode(base.GetApi, koffi.proto('void* OrtGetApi(uint32_t)'))(apiVersion) as Pointer
  const pointer = (index: number) => koffi.decode(table, index * koffi.sizeof('void*'), 'void*') as Pointer
  const native = (index: number, result: string, name: string, values: string) =>
    koffi.decode(pointer(index), koffi.proto(`${result} Ort${name}(${values})`)) as Call & { async: Call }

  const released = Object.fromEntries(
    Object.entries(releases).map(([name, index]) => [name, native(index, 'void', name, 'void*')]),
  ) as unknown as Record<keyof typeof releases, (handle: Pointer) => void>
  const message = native(2, 'const char*', 'GetErrorMessage', 'void*')
  const check = (status: Pointer) => {
    if (status === null) return
    const text = message(status) as string
    released.ReleaseStatus(status)
    throw new Error(`ONNX Runtime: ${text}`)
  }
  const functions = Object.fromEntries(
    Object.entries(signatures).map(([name, [index, values]]) => {
      const call = native(index, 'void*', name, values)
      return [name, (...given: unknown[]) => check(call(...given))]
    }),
  ) as unknown as Record<keyof typeof signatures, (...values: unknown[]) => void>
  const asynchronous = (name: keyof typeof signatures) =>
    native(signatures[name][0], 'void*', `${name}Async`, signatures[name][1])
  const run = asynchronous('RunWithBinding')
  const createSession = asynchronous('CreateSessionFromArray')
  const later = (call: ReturnType<typeof native>, ...values: unknown[]) =>
    new Promise<void>((resolve, reject) => {
      call.async(...values, (error: unknown, status: Pointer) => {
        try {
          if (error) throw error
          check(status)
          resolve()
        } catch (failure) {
          reject(failure)
        }
      })
    })

  const env = made(functions.CreateEnv, logLevel.error, 'vl-lst')
  const cpu = made(functions.CreateCpuMemoryInfo, 1, 0)
  const arena = made(functions.CreateArenaCfgV2, Object.keys(arenaSettings), arenaValues, arenaValues.length)
  functions.CreateAndRegisterAllocator(env, cpu, arena)
  released.ReleaseArenaCfg(arena)
  return {
    ...functions,
    ...released,
    runAsync: async (session, options, binding) => await later(run, session, options, binding),
    createSessionAsync: async (env, model, settings) => {
      const out: [Pointer] = [null]
      await later(createSession, env, model, model.length, settings, out)
      return out[0]
    },
    env,
    cpu,
    allocator: made(functions.GetAllocatorWithDefaultOptions),
    runOptions: made(functions.CreateRunOptions),
  }
}

const logLevel = { error: 3 } as const

/**
 * Of all sessions' memory: a block is cut where it is larger than asked by more than this. By default that is 128 MB, or
 * twice as large: prompts at T5-base's size beside 128 tokens took 3.3 GB then, and 2.3 with this (docs/decisions.md).
 */
const arenaSettings = { max_dead_bytes_per_chunk: 2 ** 20 } as const
const arenaValues = BigUint64Array.from(Object.values(arenaSettings), BigInt)

function openLibrary(path: string) {
  try {
    return koffi.load(path)
  } catch (error) {
    throw new UserError(
      `ONNX Runtime's library ${path} can't be loaded (${error instanceof Error ? error.message : error}): type npm ci`,
    )
  }
}
