import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { UserError } from '../base/index.js'

/** What onnxruntime-node 1.30 carries. Run on Linux x64; the other names are read off the package and not tried. */
const libraries: Readonly<Record<string, { readonly file: string; readonly processors: readonly string[] }>> =
  {
    linux: { file: 'libonnxruntime.so.1', processors: ['x64', 'arm64'] },
    darwin: { file: 'libonnxruntime.1.dylib', processors: ['arm64'] },
    win32: { file: 'onnxruntime.dll', processors: ['x64', 'arm64'] },
  }

/**
 * The file name of ONNX Runtime's own library in onnxruntime-node.
 *
 * @param platform as `process.platform` has it
 * @param processor as `process.arch` has it
 * @throws {UserError} a machine that the package has no library for
 */
export function libraryName(platform: string, processor: string): string {
  const library = libraries[platform]
  if (library?.processors.includes(processor)) return library.file
  throw new UserError(
    `onnxruntime-node has no library for ${platform} ${processor}: ` +
      'use Linux x64 or arm64, Windows x64 or arm64, or macOS arm64',
  )
}

/** A folder of another build of ONNX Runtime, of the same version: one with CUDA. */
const folderVariable = 'VL_LST_ONNXRUNTIME'

/**
 * Where onnxruntime-node keeps the library for this machine, or the one in the folder that `VL_LST_ONNXRUNTIME` names.
 *
 * @throws {UserError} as `libraryName`, or a folder whose library is missing
 */
export function findLibrary(): { readonly path: string; readonly version: string } {
  const { platform, arch } = process
  const name = libraryName(platform, arch)
  const manifest = createRequire(import.meta.url).resolve('onnxruntime-node/package.json')
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
  const given = process.env[folderVariable]
  if (given) {
    const names = [name, `libonnxruntime.so.${version}`]
    const path = names.map((each) => join(resolve(given), each)).find((each) => existsSync(each))
    if (path) return { path, version }
    throw new UserError(
      `${folderVariable}: ${given} has neither ${names.join(' nor ')}: name the folder that has it`,
    )
  }
  const path = join(dirname(manifest), 'bin', 'napi-v6', platform, arch, name)
  if (!existsSync(path)) throw new UserError(`onnxruntime-node ${version} lacks ${path}: type npm ci`)
  return { path, version }
}

/**
 * To be called before ONNX Runtime makes its environment. Its telemetry would send what it sees elsewhere, and it
 * searches the command line by a recursive expression that overflows the stack at some 7,500 characters.
 */
export function disableTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY = '1'
}
