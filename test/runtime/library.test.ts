import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import { findLibrary, libraryName } from '../../src/runtime/library.js'

test.each([
  ['linux', 'x64', 'libonnxruntime.so.1'],
  ['linux', 'arm64', 'libonnxruntime.so.1'],
  ['darwin', 'arm64', 'libonnxruntime.1.dylib'],
  ['win32', 'x64', 'onnxruntime.dll'],
  ['win32', 'arm64', 'onnxruntime.dll'],
])('the library is named for %s %s', (platform, processor, name) => {
  expect(libraryName(platform, processor)).toBe(name)
})

test.each([
  ['darwin', 'x64'],
  ['linux', 'riscv64'],
  ['freebsd', 'x64'],
])('%s %s is refused in one line that says what to use', (platform, processor) => {
  const call = () => libraryName(platform, processor)
  expect(call).toThrow(UserError)
  expect(call).toThrow(
    new RegExp(`^onnxruntime-node has no library for ${platform} ${processor}: use [^\\n]+$`),
  )
})

test('the library of this machine is there', () => {
  expect(existsSync(findLibrary().path)).toBe(true)
})
