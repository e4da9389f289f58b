/**
 * CUDA: the provider's libraries beside ONNX Runtime's, NVIDIA's that these ask for, and the devices that the driver
 * counts. Written from documentation: no step has run on a GPU yet.
 *
 * @see https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Presence } from './devices.js'
import { neededLibraries } from './elf.js'
import { findLibrary } from './library.js'
import { openShared } from './shared.js'

const providerFiles = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'] as const
const driver = 'libcuda.so.1'
/** Loaded by name at its first use, so the provider doesn't tell of it. */
const cudnn = 'libcudnn.so.9'
const vendorsLibrary = /^lib(cu|nv)/

/** A file that the provider wants, and where it is (a path, or the system's own folders). */
export interface LibraryFile {
  readonly name: string
  readonly found: boolean
}

/** Every file that CUDA needs here. NVIDIA's are those that the provider's own build asks for, or the driver alone. */
export function cudaLibraries(): readonly LibraryFile[] {
  const folder = dirname(findLibrary().path)
  const own = providerFiles.map((name) => ({
    name: join(folder, name),
    found: existsSync(join(folder, name)),
  }))
  const provider = own.at(-1)!
  const asked = provider.found
    ? neededLibraries(provider.name).filter((name) => vendorsLibrary.test(name))
    : []
  const vendors = [...new Set([driver, ...asked, ...(provider.found ? [cudnn] : [])])]
  return [...own, ...vendors.map((name) => ({ name, found: openShared(name) !== undefined }))]
}

export function cudaPresence(): Presence {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return { devices: [], obstacle: 'ONNX Runtime has it for Linux x64 alone' }
  const missing = cudaLibraries().filter(({ found }) => !found)
  if (missing.length > 0)
    return { devices: [], obstacle: `missing: ${missing.map(({ name }) => name).join(', ')}` }
  const [first, ...others] = driverDevices()
  return first === undefined
    ? { devices: [], obstacle: 'the driver counts no GPU' }
    : { devices: [first, ...others] }
}

/** The names of the GPUs, in the driver's order. */
function driverDevices(): string[] {
  const library = openShared(driver)!
  const init = library.func('int cuInit(unsigned int)')
  const countOf = library.func('int cuDeviceGetCount(_Out_ int*)')
  const nameOf = library.func('int cuDeviceGetName(_Out_ uint8_t*, int, int)')
  const count = [0]
  if (init(0) !== 0 || countOf(count) !== 0) return []
  return Array.from({ length: count[0]! }, (_, device) => {
    const text = Buffer.alloc(256)
    return nameOf(text, text.length, device) === 0 ? text.toString('utf8', 0, text.indexOf(0)) : 'unnamed'
  })
}
