/** Features of a frozen network: computed once, kept on disk, and never trusted blindly. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { PictureSource } from '../../datasets/index.js'
import type { Crew } from '../../src/base/index.js'
import { cachedFileSlowly } from '../../src/files/index.js'
import type { NetworkEncoder } from '../../vl/index.js'
import { openFeatures, type PictureCache } from '../../vl/tasks/index.js'
import { solidPng } from '../datasets/pictures.js'
import { temporaryFolder } from '../support/weights.js'

/** Ten pictures of one colour each; `p3` is 30 + 3 wide. */
const ids = Array.from({ length: 10 }, (_, i) => `p${i}`)
const source: PictureSource = {
  has: (id) => ids.includes(id),
  where: (id) => `${id}.png`,
  read: (id) => solidPng(30 + Number(id.slice(1)), 8),
}

/** An "encoder" whose features are the picture's width and the position, at 2 × 3 positions of width 2. */
function counting() {
  const batches: number[] = []
  const encoder: NetworkEncoder = {
    ...{ kind: 'network', name: 'counting', identity: 'one', featDim: 2, batchSize: 4 },
    grid: { rows: 2, columns: 3 },
    fit: (picture) => picture,
    async encode(pictures) {
      batches.push(pictures.length)
      return Float32Array.from(
        pictures.flatMap(({ width }) => [0, 1, 2, 3, 4, 5].flatMap((at) => [width, at])),
      )
    },
    close: () => {},
  }
  return { encoder, batches }
}

function cacheIn(folder: string): PictureCache {
  return {
    find: (key) => (existsSync(join(folder, key)) ? join(folder, key) : undefined),
    keep: (key, write) => cachedFileSlowly(folder, key, write),
    discard: (key) => rmSync(join(folder, key)),
  }
}

const featuresOf = (width: number) => [width, 0, width, 1, width, 2, width, 3, width, 4, width, 5]

let folder: string
let cache: PictureCache
beforeEach(() => {
  folder = temporaryFolder()
  mkdirSync(folder, { recursive: true })
  cache = cacheIn(folder)
})
const onlyFile = () => join(folder, readdirSync(folder)[0]!)

test('each picture has its own features, whatever the batches', async () => {
  const { encoder, batches } = counting()
  const progress: string[] = []
  const features = await openFeatures(source, [...ids, 'p0'], encoder, {
    cache,
    onProgress: (done, total) => progress.push(`${done}/${total}`),
  })
  expect([features.positions, features.featDim]).toEqual([6, 2])
  expect(batches).toEqual([4, 4, 2])
  expect(progress).toEqual(['4/10', '8/10', '10/10'])
  for (const i of [7, 0, 9, 3]) expect([...(await features.features(`p${i}`))]).toEqual(featuresOf(30 + i))
  await expect(features.features('p10')).rejects.toThrow('picture p10 was not among those that were opened')
})

test('without a cache they are kept in memory', async () => {
  const { encoder } = counting()
  const features = await openFeatures(source, ids, encoder)
  for (const i of [7, 0]) expect([...(await features.features(`p${i}`))]).toEqual(featuresOf(30 + i))
})

test('small ones that were asked for stay in memory, large ones do not', async () => {
  const { encoder } = counting()
  const featDim = 2 ** 22 // 6 positions are 96 MiB
  const large: NetworkEncoder = {
    ...{ ...encoder, identity: 'large', featDim },
    encode: async (pictures) => new Float32Array(pictures.length * 6 * featDim),
  }
  const isKept = async (network: NetworkEncoder) => {
    const { features } = await openFeatures(source, ['p1'], network, { cache })
    await features('p1')
    rmSync(onlyFile())
    return await features('p1').then(
      () => true,
      () => false,
    )
  }
  expect([await isKept(encoder), await isKept(large)]).toEqual([true, false])
})

test('they are pooled after they are read', async () => {
  const square: NetworkEncoder = { ...counting().encoder, grid: { rows: 1, columns: 1 } }
  const nine: NetworkEncoder = {
    ...square,
    ...{ featDim: 1, grid: { rows: 3, columns: 3 } },
    encode: async (pictures) => Float32Array.from(pictures.flatMap(() => [1, 2, 3, 4, 5, 6, 7, 8, 9])),
  }
  const pooling = { kind: 'downsample', nBoxes: 1 } as const
  const features = await openFeatures(source, ids, nine, { cache, pooling })
  expect([features.positions, ...(await features.features('p2'))]).toEqual([1, 9])
})

test('too many positions are refused before anything is computed', async () => {
  const { encoder, batches } = counting()
  const big: NetworkEncoder = { ...encoder, grid: { rows: 11, columns: 11 } }
  await expect(openFeatures(source, ids, big, { cache })).rejects.toThrow(
    /gives 121 positions.*use --n-boxes 36 --downsample$/,
  )
  expect(batches).toEqual([])
})

describe('what is kept', () => {
  const open = async (encoder: NetworkEncoder, notes: string[] = [], some = ids) =>
    await openFeatures(source, some, encoder, { cache, onNote: (text) => notes.push(text) })

  test('serves a later run', async () => {
    await open(counting().encoder)
    const { encoder, batches } = counting()
    const features = await open(encoder)
    expect(batches).toEqual([])
    expect([...(await features.features('p3'))]).toEqual(featuresOf(33))
  })

  test('is of these pictures in this order and of this encoder', async () => {
    await open(counting().encoder)
    const { encoder, batches } = counting()
    const reversed = await open(encoder, [], ids.toReversed())
    expect([...(await reversed.features('p3'))]).toEqual(featuresOf(33))
    await open({ ...encoder, identity: 'two' })
    expect(batches).toEqual([4, 4, 2, 4, 4, 2])
    expect(readdirSync(folder)).toHaveLength(3)
  })

  test.each<[string, (file: string) => void]>([
    ['cut short', (file) => truncateSync(file, statSync(file).size - 1)],
    ['empty', (file) => writeFileSync(file, '')],
    ['changed in one bit', (file) => flip(file, statSync(file).size - 5)],
    ['changed in its header', (file) => flip(file, 9)],
    ['changed in a checksum', (file) => flip(file, 21)],
  ])('is made again with a note when it is %s', async (_, damage) => {
    await open(counting().encoder)
    const whole = readFileSync(onlyFile())
    damage(onlyFile())
    const [{ encoder, batches }, notes] = [counting(), [] as string[]]
    const features = await open(encoder, notes)
    expect(batches).toEqual([4, 4, 2])
    expect(notes).toEqual([`${onlyFile()} is damaged: its features are computed again`])
    expect([...(await features.features('p9'))]).toEqual(featuresOf(39))
    expect(readFileSync(onlyFile())).toEqual(whole)
  })

  test('is missed by name when it goes while it is in use', async () => {
    const features = await open(counting().encoder)
    rmSync(onlyFile())
    await expect(features.features('p0')).rejects.toThrow(
      /\.features: can't be read any more .*: start again$/,
    )
  })
})

test('the work ends when it is told to', async () => {
  const controller = new AbortController()
  const { encoder, batches } = counting()
  const opening = openFeatures(source, ids, encoder, {
    signal: controller.signal,
    onProgress: () => controller.abort(new Error('enough')),
  })
  await expect(opening).rejects.toThrow('enough')
  expect(batches.length).toBeLessThan(3)
})

test('a picture that is none is named', async () => {
  const spoiled: PictureSource = {
    ...source,
    read: async (id) => (id === 'p6' ? Buffer.from('x') : source.read(id)),
  }
  await expect(openFeatures(spoiled, ids, counting().encoder, { cache })).rejects.toThrow(
    /^p6\.png is not a picture that can be read/,
  )
})

function flip(file: string, at: number): void {
  const bytes = readFileSync(file)
  bytes[at]! ^= 1
  writeFileSync(file, bytes)
}

describe('a crew', () => {
  /** Crew members of one process: an exchange ends when all have called it. */
  function crewOf(size: number): readonly Crew[] {
    let round = gathering<unknown>(size)
    return Array.from({ length: size }, (_, rank) => ({
      ...{ rank, size },
      async exchange<T>(message: T) {
        const { done, put } = round
        if (put(rank, message)) round = gathering(size)
        return (await done) as readonly T[]
      },
    }))
  }

  function gathering<T>(size: number) {
    const messages = new Array<T>(size)
    let missing = size
    let end: (all: readonly T[]) => void = () => {}
    const done = new Promise<readonly T[]>((resolve) => {
      end = resolve
    })
    const put = (rank: number, message: T) => {
      messages[rank] = message
      if (--missing === 0) end(messages)
      return missing === 0
    }
    return { done, put }
  }

  /** Features of all pictures by every member, and the batches that each looked at. */
  async function inCrew(size: number, caches: readonly PictureCache[]) {
    const counts = crewOf(size).map((crew, rank) => ({
      crew,
      cache: caches[rank % caches.length]!,
      ...counting(),
    }))
    const opened = await Promise.all(
      counts.map(({ crew, cache, encoder }) => openFeatures(source, ids, encoder, { cache, crew })),
    )
    for (const features of opened)
      for (const i of ids.keys()) expect([...(await features.features(`p${i}`))]).toEqual(featuresOf(30 + i))
    return counts.map(({ batches }) => batches)
  }

  test('shares the work, and leaves the file that one process would', async () => {
    await openFeatures(source, ids, counting().encoder, { cache })
    const alone = readFileSync(onlyFile())
    rmSync(onlyFile())
    expect(await inCrew(2, [cache])).toEqual([[4], [4, 2]])
    expect(readFileSync(onlyFile())).toEqual(alone)
    expect(readdirSync(folder)).toHaveLength(1)
    expect(await inCrew(2, [cache])).toEqual([[], []])
  })

  test('of more members than batches has some without work', async () => {
    expect(await inCrew(4, [cache])).toEqual([[], [4], [4], [2]])
  })

  test('makes up for what lies in the cache of another machine', async () => {
    const other = cacheIn(temporaryFolder())
    expect(await inCrew(2, [cache, other])).toEqual([
      [4, 4, 2],
      [4, 2, 4],
    ])
  })
})
