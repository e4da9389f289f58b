import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import type { Machine, Presence, Wanted } from '../../src/runtime/devices.js'
import { neededLibraries } from '../../src/runtime/elf.js'
import { chooseDevices, deviceName } from '../../src/runtime/index.js'
import { findLibrary } from '../../src/runtime/library.js'

const none = (obstacle: string): Presence => ({ devices: [], obstacle })
const one: Machine = {
  cuda: () => none('missing: libcuda.so.1'),
  webgpu: () => ({ devices: ['Soft GPU'] }),
}
const two: Machine = { ...one, cuda: () => ({ devices: ['Left', 'Right'] }) }
const bare: Machine = { ...one, webgpu: () => none('missing: libvulkan.so.1') }

const names = (wanted: Wanted, machine: Machine) => chooseDevices(wanted, machine).map(deviceName)

test.each<[Wanted, Machine, readonly string[]]>([
  [{}, bare, ['cpu']],
  [{ workers: 3 }, bare, ['cpu', 'cpu', 'cpu']],
  [{ device: 'cpu', workers: 2 }, two, ['cpu', 'cpu']],
  [{ gpus: [1, 0] }, two, ['cuda:1', 'cuda:0']],
  [{ gpus: [0] }, one, ['webgpu:0']],
  [{ gpus: [0], device: 'webgpu' }, two, ['webgpu:0']],
  [{ device: 'cuda' }, two, ['cuda:0']],
  [{ device: 'cuda', workers: 2 }, two, ['cuda:0', 'cuda:1']],
  [{ gpus: [0, 1], shareDevices: true }, one, ['webgpu:0', 'webgpu:0']],
  [{ gpus: [0, 0], shareDevices: true }, two, ['cuda:0', 'cuda:0']],
  [{ gpus: [0, 1, 2], shareDevices: true }, two, ['cuda:0', 'cuda:1', 'cuda:0']],
])('%j', (wanted, machine, devices) => {
  expect(names(wanted, machine)).toEqual(devices)
})

describe('what is refused, in one line', () => {
  test.each<[Wanted, Machine, string]>([
    [
      { gpus: [0, 97] },
      one,
      '--gpus 0,97: there is no webgpu device 97 (here: 0: Soft GPU): name one of these',
    ],
    [
      { gpus: [0, 97], shareDevices: true },
      one,
      '--gpus 0,97: there is no webgpu device 97 (here: 0: Soft GPU): name one of these',
    ],
    [
      { gpus: [0, 1] },
      one,
      '--gpus 0,1: there is no webgpu device 1 (here: 0: Soft GPU): name one of these, or add --share-devices',
    ],
    [{ gpus: [0, 0] }, one, '--gpus 0,0 names device 0 twice: name each once, or add --share-devices'],
    [
      { gpus: [0] },
      bare,
      '--gpus 0: no such device can be used (cuda: missing: libcuda.so.1; webgpu: missing: libvulkan.so.1): see vl-lst doctor',
    ],
    [
      { device: 'cuda' },
      one,
      '--device cuda: no such device can be used (cuda: missing: libcuda.so.1): see vl-lst doctor',
    ],
    [{ gpus: [0], device: 'cpu' }, two, '--gpus 0: --device cpu has no GPUs: leave one of the two out'],
  ])('%j', (wanted, machine, line) => {
    expect(() => names(wanted, machine)).toThrow(new UserError(line))
  })
})

test('devices are named by kind and number, the processor by its kind', () => {
  const named = [deviceName({ kind: 'cpu', index: 0 }), deviceName({ kind: 'cuda', index: 0 })]
  const others = [deviceName({ kind: 'cuda', index: 12 }), deviceName({ kind: 'webgpu', index: 0 })]
  expect([...named, ...others]).toEqual(['cpu', 'cuda:0', 'cuda:12', 'webgpu:0'])
})

test.runIf(process.platform === 'linux')('a library tells which libraries it asks for', () => {
  expect(neededLibraries(findLibrary().path)).toContain('libc.so.6')
  expect(neededLibraries(process.execPath)).toContain('libc.so.6')
  expect(neededLibraries(new URL(import.meta.url).pathname)).toEqual([])
})
