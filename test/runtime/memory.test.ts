/** What runs and sessions leave behind. Memory is read after garbage collection. */
import { closeSync, ftruncateSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { add, graphOf, input, matMul, parameter, tanh } from '../../src/graph/index.js'
import {
  type HostTensor,
  nativeRuntime,
  processMemory,
  publicRuntime,
  type Session,
  zeros,
} from '../../src/runtime/index.js'
import { temporaryFolder } from '../support/weights.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Private memory in bytes, once finalizers have run. */
async function privateBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collectGarbage()
    await setTimeout(10)
  }
  return processMemory().privateBytes
}

const mebibyte = 2 ** 20
const x = input('x', ['batch', 64])
const graph = graphOf({ y: tanh(add(x, x)), z: add(x, 1) })

describe.runIf(process.platform === 'linux')('private memory', () => {
  /** Runs whose tensors are all made anew. */
  async function runs(session: Session, count: number, rows: number, done: (tensor: HostTensor) => void) {
    for (let i = 0; i < count; i++) {
      const feed = zeros('float32', [rows + (i % 4), 64])
      for (const tensor of [feed, ...Object.values(await session.run({ x: feed }))]) done(tensor)
    }
  }

  test('stays flat over 10,000 runs', async () => {
    const session = await nativeRuntime.createSession(graph, { threads: 1 })
    const release = (tensor: HostTensor) => tensor.release()
    await runs(session, 2_000, 1, release)
    const before = await privateBytes()
    await runs(session, 10_000, 1, release)
    expect((await privateBytes()) - before).toBeLessThan(4 * mebibyte)
    session.close()
  })

  test('is given back for tensors that nobody released', async () => {
    const session = await nativeRuntime.createSession(graph, { threads: 1 })
    const forget = () => undefined
    await runs(session, 500, 256, forget)
    const before = await privateBytes()
    await runs(session, 2_000, 256, forget) // 375 MiB
    expect((await privateBytes()) - before).toBeLessThan(40 * mebibyte)
    session.close()
  })

  test.each([nativeRuntime, publicRuntime])('stays flat over 200 sessions of the $name', async (runtime) => {
    const sessions = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const session = await runtime.createSession(graph, { threads: 1 })
        await session.run({ x: zeros('float32', [2, 64]) })
        session.close()
      }
    }
    await sessions(50)
    const before = await privateBytes()
    await sessions(200)
    expect((await privateBytes()) - before).toBeLessThan(4 * mebibyte)
  })

  test('holds no copy of frozen weights', async () => {
    const path = join(temporaryFolder(), 'weights')
    const [width, layers] = [2048, 8]
    const bytes = width * width * 4
    const file = openSync(path, 'w')
    ftruncateSync(file, layers * bytes)
    closeSync(file)
    const names = Array.from({ length: layers }, (_, i) => `w${i}`)
    const weights = new Map(names.map((name, i) => [name, { path, begin: i * bytes, bytes }] as const))
    const y = names.reduce(
      (h, name) => matMul(h, parameter(name, [width, width], false), { transposeB: true }),
      input('h', ['batch', width]),
    )
    const before = await privateBytes()
    const sessions = [
      await nativeRuntime.createSession(graphOf({ y }), { weights, threads: 1 }),
      await nativeRuntime.createSession(graphOf({ y }), { weights, threads: 1 }),
    ]
    for (const session of sessions) await session.run({ h: zeros('float32', [4, width]) })
    expect((await privateBytes()) - before).toBeLessThan(0.2 * layers * bytes)
    for (const session of sessions) session.close()
  })
})

test('the figures of a process hang together', () => {
  const { residentBytes, peakBytes, privateBytes: own } = processMemory()
  expect(own).toBeGreaterThan(mebibyte)
  expect(residentBytes).toBeGreaterThanOrEqual(own)
  expect(peakBytes).toBeGreaterThanOrEqual(residentBytes)
})
