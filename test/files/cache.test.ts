import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import { cachedFile, cachedFileSlowly, cacheFolder } from '../../src/files/index.js'
import {
  asFloat32,
  openCheckpoint,
  openSafetensors,
  overlay,
  writeSafetensors,
} from '../../src/weights/index.js'
import { shared, temporaryFolder } from '../support/weights.js'

test("the cache's place: option, environment, platform", () => {
  const on = (platform: NodeJS.Platform, environment: Record<string, string> = {}) => ({
    platform,
    home: '/home/me',
    environment,
  })
  expect(cacheFolder('here', on('linux', { VL_LST_CACHE: '/there' }))).toBe(resolve('here'))
  expect(cacheFolder(undefined, on('linux', { VL_LST_CACHE: '/there' }))).toBe('/there')
  expect(cacheFolder(undefined, on('linux', { XDG_CACHE_HOME: '/xdg' }))).toBe('/xdg/vl-lst')
  expect(cacheFolder(undefined, on('linux', { XDG_CACHE_HOME: 'relative' }))).toBe('/home/me/.cache/vl-lst')
  expect(cacheFolder(undefined, on('darwin'))).toBe('/home/me/Library/Caches/vl-lst')
  expect(cacheFolder(undefined, on('win32', { LOCALAPPDATA: '/local' }))).toBe('/local/vl-lst')
})

test('a cached file is made once, and never seen half made', () => {
  const folder = join(temporaryFolder(), 'new', 'cache')
  let made = 0
  const write = (path: string) => {
    made++
    writeFileSync(path, 'half')
    expect(readdirSync(folder)).not.toContain('key')
    writeFileSync(path, 'whole')
  }
  expect(cachedFile(folder, 'key', write)).toBe(join(folder, 'key'))
  expect(cachedFile(folder, 'key', write)).toBe(join(folder, 'key'))
  expect(made).toBe(1)
  expect(readFileSync(join(folder, 'key'), 'utf8')).toBe('whole')
})

test('two that make it at once both get what the first one made, which is in use by then', () => {
  const folder = temporaryFolder()
  const path = cachedFile(folder, 'key', (outer) => {
    writeFileSync(outer, 'later')
    cachedFile(folder, 'key', (inner) => writeFileSync(inner, 'first'))
  })
  expect(readFileSync(path, 'utf8')).toBe('first')
  expect(readdirSync(folder)).toEqual(['key'])
})

test('a failure leaves nothing behind and is not remembered', () => {
  const folder = temporaryFolder()
  const fail = (path: string) => {
    writeFileSync(path, 'half')
    throw new Error('stopped')
  }
  expect(() => cachedFile(folder, 'key', fail)).toThrow('stopped')
  expect(readdirSync(folder)).toEqual([])
})

test('a cache that cannot be written names --cache', () => {
  const file = join(temporaryFolder(), 'file')
  writeFileSync(file, '')
  expect(() => cachedFile(file, 'key', () => {})).toThrow(/cannot be written \(.*\): .*--cache/)
  expect(() => cachedFile(join(file, 'below'), 'key', () => {})).toThrow(UserError)
})

test('a float16 checkpoint is widened into the cache, once for each state of the file', () => {
  const cache = temporaryFolder()
  const narrow = openCheckpoint(shared('data/t5-mini'))
  const wide = asFloat32(narrow, cache)
  expect(wide.tensors.size).toBe(narrow.tensors.size)
  for (const [name, { dtype, shape, begin }] of wide.tensors) {
    expect({ dtype, shape }).toEqual({ dtype: 'F32', shape: narrow.tensors.get(name)?.shape })
    expect(begin % 4).toBe(0)
    expect(Buffer.from(wide.read(name).buffer).equals(Buffer.from(narrow.readFloat32(name).buffer))).toBe(
      true,
    )
  }
  expect(asFloat32(openCheckpoint(shared('data/t5-mini')), cache).files).toEqual(wide.files)
  expect(readdirSync(cache)).toHaveLength(1)
  expect(asFloat32(wide, cache)).toBe(wide)
})

test('a changed file and another overlay are other keys; tensors of integers stay as they are', () => {
  const folder = temporaryFolder()
  const cache = join(folder, 'cache')
  const file = join(folder, 'x.safetensors')
  writeSafetensors(file, [
    { name: 'half', dtype: 'BF16', shape: [2], data: Uint16Array.of(0x3f80, 0x4000) },
    { name: 'ids', dtype: 'I64', shape: [1], data: BigInt64Array.of(9n) },
    { name: 'none', dtype: 'F16', shape: [0], data: new Uint16Array(0) },
  ])
  const wide = asFloat32(openSafetensors(file), cache)
  expect(wide.read('half')).toEqual(Float32Array.of(1, 2))
  expect(wide.read('ids')).toEqual(BigInt64Array.of(9n))
  utimesSync(file, 1, 1)
  expect(asFloat32(openSafetensors(file), cache).files).not.toEqual(wide.files)
  const other = join(folder, 'y.safetensors')
  writeSafetensors(other, [{ name: 'half', dtype: 'F32', shape: [1], data: Float32Array.of(5) }])
  expect(asFloat32(overlay(openSafetensors(file), openSafetensors(other)), cache).read('half')).toEqual(
    Float32Array.of(5),
  )
  expect(readdirSync(cache)).toHaveLength(3)
})

test('what takes longer to make is made once, and whole or not at all', async () => {
  const folder = temporaryFolder()
  let calls = 0
  const write = async (path: string) => {
    writeFileSync(path, `${++calls}`)
    await Promise.resolve()
    if (calls === 1) throw new Error('stopped')
  }
  await expect(cachedFileSlowly(folder, 'a/key', write)).rejects.toThrow('stopped')
  expect(readdirSync(join(folder, 'a'))).toEqual([])
  expect(await cachedFileSlowly(folder, 'a/key', write)).toBe(join(folder, 'a', 'key'))
  expect(await cachedFileSlowly(folder, 'a/key', write)).toBe(join(folder, 'a', 'key'))
  expect(readdirSync(join(folder, 'a'))).toEqual(['key'])
  expect(readFileSync(join(folder, 'a', 'key'), 'utf8')).toBe('2')
  const file = join(folder, 'a', 'key')
  await expect(cachedFileSlowly(file, 'below', write)).rejects.toThrow(/cannot be written \(.*\): .*--cache/)
})
