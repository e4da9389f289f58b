/** Which of the files that devices and machines need are here: for `vl-lst doctor`. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { cudaLibraries } from './cuda.js'
import { findLibrary } from './library.js'
import { mpiFiles } from './mpiFiles.js'
import { findShared, openShared } from './shared.js'
import { vulkanLoader } from './webgpu.js'

/** A file that something needs: a path, or a name that the system looks up. */
export interface NeededFile {
  readonly for: 'onnxruntime' | 'cuda' | 'webgpu' | 'mpi'
  readonly name: string
  readonly found: boolean
}

/** Every file, found or not. One of MPI's is enough; without it training stays on one machine. */
export function neededFiles(): readonly NeededFile[] {
  const { path } = findLibrary()
  if (process.platform !== 'linux') return [{ for: 'onnxruntime', name: path, found: true }]
  return [
    { for: 'onnxruntime', name: path, found: true },
    ...cudaLibraries().map((file) => ({ for: 'cuda' as const, ...file })),
    { for: 'webgpu', name: vulkanLoader, found: openShared(vulkanLoader) !== undefined },
    ...vulkanDrivers(),
    ...Object.values(mpiFiles).flatMap((names) =>
      names
        .filter(isInstalled)
        .map((name) => ({ for: 'mpi' as const, name, found: findShared(name) !== undefined })),
    ),
  ]
}

/** What a package for running programs brings; names without a number are those for building them. */
const isInstalled = (name: string) => /\.so\.\d+$/.test(name)

/** The drivers that Vulkan's loader is told of, by the files that tell it. */
function vulkanDrivers(): readonly NeededFile[] {
  const given = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES
  const folders = ['/etc', '/usr/local/share', '/usr/share', join(homedir(), '.local', 'share')]
  const files =
    given?.split(':').filter((path) => path !== '') ??
    folders.map((folder) => join(folder, 'vulkan', 'icd.d')).flatMap(jsonFiles)
  return files.map((name) => ({ for: 'webgpu', name, found: driverIsThere(name) }))
}

function jsonFiles(folder: string): readonly string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => join(folder, name))
}

function driverIsThere(file: string): boolean {
  try {
    const { ICD } = JSON.parse(readFileSync(file, 'utf8')) as { ICD: { library_path: string } }
    const { library_path: library } = ICD
    return library.includes('/')
      ? existsSync(resolve(dirname(file), library))
      : openShared(library) !== undefined
  } catch {
    return false
  }
}
