import { expect, onTestFinished, test } from 'vitest'
import { add, exp, graphOf, input, mul, slice, sum, type Tensor } from '../../src/graph/index.js'
import { float32, nativeRuntime, processMemory } from '../../src/runtime/index.js'

const [count, length, most] = [16, 2 ** 20, 600_000]
const bytes = (elements: number) => 4 * elements

/** Parts are all made, the first one first, before any is read: each is younger than the sum that reads it. */
function aliveTogether(parts: number, make: (i: number) => Tensor): Tensor {
  let total = sum(make(parts - 1), [0])
  for (let i = parts - 2; i >= 0; i--) total = sum(mul(make(i), total), [0])
  return total
}

/**
 * Sixteen blocks that stay, sixteen between them that go, in place of these as many that fill the larger part of them,
 * and then as many that fill the rest.
 */
function holes() {
  const x = input('x', ['n'])
  const stay: Tensor[] = []
  const first = aliveTogether(count, (i) => {
    stay[i] = mul(x, i + 1)
    return exp(stay[i])
  })
  const kept = sum(stay.reduce(add), [0])
  const fill = aliveTogether(2 * count, (i) => {
    const [begin, end] = i < count ? [0, most] : [most, length]
    return mul(slice(stay[i % count]!, 0, begin, end), first)
  })
  return graphOf({ y: add(kept, fill) })
}

test('what is left of a block is another tensor’s', async () => {
  const session = await nativeRuntime.createSession(holes(), { threads: 1 })
  onTestFinished(() => session.close())
  const feeds = { x: float32([length], new Float32Array(length)) }
  const before = processMemory().privateBytes
  await session.run(feeds)
  const taken = processMemory().privateBytes - before
  expect(taken / bytes(2 * count * length)).toBeLessThan(1.2)
})
