import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { UserError } from '../base/index.js'

const fileNames: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'libonnxruntime.so.1',
  darwin: 'libonnxruntime.1.dylib',
  win32: 'onnxruntime.dll',
}

/**
 * Where onnxruntime-node keeps ONNX Runtime's own library for this platform. Run on Linux x64; the names for macOS
 * and Windows are read off the package and not tried.
 *
 * @throws {UserError} a platform that the package has no library for
 */
export function findLibrary(): { readonly path: string; readonly version: string } {
  const manifest = createRequire(import.meta.url).resolve('onnxruntime-node/package.json')
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
  const name = fileNames[process.platform]
  const path = join(dirname(manifest), 'bin', 'napi-v6', process.platform, process.arch, name ?? '')
  if (name && existsSync(path)) return { path, version }
  throw new UserError(
    `onnxruntime-node ${version} has no library for ${process.platform}-${process.arch} (looked for ${path}): ` +
      'use Linux x64 or arm64, Windows x64 or arm64, or macOS arm64',
  )
}
