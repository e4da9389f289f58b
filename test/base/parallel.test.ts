import { setImmediate as soon } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { inParallel } from '../../src/base/index.js'

test('results lie in the order of the items, whichever is done first', async () => {
  const wait = async (times: number) => {
    for (let i = 0; i < times; i++) await soon()
    return -times
  }
  expect(await inParallel([5, 1, 3, 0], 3, wait)).toEqual([-5, -1, -3, -0])
  expect(await inParallel([], 3, wait)).toEqual([])
})

test('no more are under way than were asked for, and an item is made when its turn comes', async () => {
  let made = 0
  let ended = 0
  const seen: number[] = []
  function* items() {
    for (; made < 10; made++) yield made
  }
  await inParallel(items(), 4, async () => {
    seen.push(made - ended)
    await soon()
    ended++
  })
  expect(Math.max(...seen)).toBeLessThanOrEqual(4)
  expect(ended).toBe(10)
})

test('the first failure is thrown when nothing is under way any more, and nothing is begun after it', async () => {
  let underWay = 0
  let begun = 0
  const failing = inParallel(Array(20).keys(), 4, async (item) => {
    begun++
    underWay++
    await soon()
    if (item !== 1) await soon()
    underWay--
    if (item <= 2) throw new Error(`item ${item}`)
  })
  await expect(failing).rejects.toThrow('item 1')
  expect(underWay).toBe(0)
  expect(begun).toBe(4)
})
