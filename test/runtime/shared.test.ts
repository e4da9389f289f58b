import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { findShared, openShared } from '../../src/runtime/shared.js'
import { withoutMpi } from '../support/mpi.js'

const folder = mkdtempSync(join(tmpdir(), 'shared-'))
afterEach(() => vi.unstubAllEnvs())
afterAll(() => rmSync(folder, { recursive: true }))

test.skipIf(withoutMpi)('a library is found where the linker would find it, and is not loaded', () => {
  expect(findShared('libmpich.so.12')).toMatch(/^\/.*\/libmpich\.so\.12$/)
  expect(readFileSync('/proc/self/maps', 'utf8')).not.toContain('libmpich')
  expect(findShared('mpich.so.12')).toBeUndefined()
})

test.skipIf(process.platform !== 'linux')('LD_LIBRARY_PATH comes first', () => {
  writeFileSync(join(folder, 'libc.so.6'), '')
  expect(findShared('libc.so.6')).not.toContain(folder)
  vi.stubEnv('LD_LIBRARY_PATH', `/nowhere:${folder}`)
  expect(findShared('libc.so.6')).toBe(join(folder, 'libc.so.6'))
})

test.skipIf(process.platform !== 'linux')('a library that was opened is the same one ever after', () => {
  expect(openShared('libc.so.6')).toBeDefined()
  expect(openShared('libc.so.6')).toBe(openShared('libc.so.6'))
  expect(openShared('libnowhere.so.6')).toBeUndefined()
})
