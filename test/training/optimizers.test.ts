import { describe, expect, test } from 'vitest'
import { Random, UserError } from '../../src/base/index.js'
import { nativeRuntime, publicRuntime, type Runtime } from '../../src/runtime/index.js'
import {
  clippingScale,
  createAccumulator,
  createNorm,
  type Optimizer,
  optimizers,
} from '../../src/training/optimizers/index.js'
import { type ParameterSpec, ParameterStore, type StoreOptions } from '../../src/training/parameters.js'

const specs: readonly ParameterSpec[] = [
  { name: 'table', shape: [37, 8], decays: true },
  { name: 'bias', shape: [13], decays: false },
  { name: 'stacked', shape: [3, 5, 7], decays: true },
  { name: 'gate', shape: [], decays: true },
  { name: 'row', shape: [1, 9], decays: false },
]

/** Everything with weight decay; the optimizers' own settings stay. */
const options = { weightDecay: 0.1 }

/** A store with random values. */
function randomStore(storeOptions: StoreOptions = {}): ParameterStore {
  const store = new ParameterStore(specs, storeOptions)
  for (const { name, value } of store.parameters.values()) fill(value.floats, new Random(name.length, 1))
  return store
}

function fill(values: Float32Array, random: Random): void {
  for (let i = 0; i < values.length; i++) values[i] = random.normal()
}

function setGradients(store: ParameterStore, step: number): void {
  for (const { name, gradient } of store.parameters.values())
    fill(gradient.floats, new Random(name.length, 2, step))
}

function valuesOf(store: ParameterStore): Record<string, number[]> {
  return Object.fromEntries([...store.parameters].map(([name, { value }]) => [name, [...value.floats]]))
}

const rates = [0, 0.03, 0.02, 0.01]
const withoutOf = (step: number) => new Set(step === 1 ? ['stacked', 'bias'] : [])

async function steps(store: ParameterStore, optimizer: Optimizer, from: number, to: number): Promise<void> {
  for (let step = from; step < to; step++) {
    setGradients(store, step)
    await optimizer.step({ learningRate: rates[step]!, gradientScale: 0.7, without: withoutOf(step) })
  }
}

/** The values after all steps. */
async function run(
  name: string,
  {
    runtime = nativeRuntime,
    threads = 2,
    ...storeOptions
  }: StoreOptions & { runtime?: Runtime; threads?: number } = {},
) {
  const store = randomStore(storeOptions)
  const optimizer = await optimizers.get(name).create(store, options, { runtime, threads })
  await steps(store, optimizer, 0, rates.length)
  optimizer.close()
  return valuesOf(store)
}

describe.each(optimizers.entries)('$name', ({ name, create }) => {
  test('two runs give the same bits, with any threads, chunks and slabs', async () => {
    const once = await run(name)
    expect(await run(name)).toEqual(once)
    expect(await run(name, { threads: 1 })).toEqual(once)
    expect(await run(name, { chunk: 16 })).toEqual(once)
    expect(await run(name, { slabBytes: 4 * 100 })).toEqual(once)
  })

  test('the public interface of the runtime gives the same bits', async () => {
    expect(await run(name, { runtime: publicRuntime, threads: 1 })).toEqual(await run(name))
  })

  test('a rate of 0 changes no value but is counted', async () => {
    const store = randomStore()
    const before = valuesOf(store)
    const optimizer = await create(store, options, { runtime: nativeRuntime, threads: 1 })
    setGradients(store, 0)
    await optimizer.step({ learningRate: 0, gradientScale: 1 })
    expect(valuesOf(store)).toEqual(before)
    expect([...optimizer.state().counts.values()]).toEqual(specs.map(() => 1))
    optimizer.close()
  })

  test('a gradient of zeros decays, a missing one does nothing', async () => {
    const store = randomStore()
    const before = valuesOf(store)
    const optimizer = await create(store, options, { runtime: nativeRuntime, threads: 1 })
    await optimizer.step({ learningRate: 0.5, gradientScale: 1, without: new Set(['table']) })
    const after = valuesOf(store)
    expect(after.table).toEqual(before.table)
    expect(after.bias).toEqual(before.bias)
    for (const [i, value] of after.stacked!.entries())
      expect(value).toBeCloseTo(before.stacked![i]! * 0.95, 6)
    expect(Object.fromEntries(optimizer.state().counts)).toMatchObject({ table: 0, bias: 1, stacked: 1 })
    optimizer.close()
  })

  test('state taken up in another process continues with the same bits', async () => {
    const store = randomStore()
    const first = await create(store, options, { runtime: nativeRuntime, threads: 1 })
    await steps(store, first, 0, 2)
    const { tensors, counts } = first.state()
    const saved = new Map([...tensors].map(([key, tensor]) => [key, tensor.floats.slice()]))
    const savedCounts = new Map(counts)
    const values = valuesOf(store)
    first.close()
    const resumed = randomStore()
    for (const { name: parameter, value } of resumed.parameters.values()) value.floats.set(values[parameter]!)
    const second = await create(resumed, options, { runtime: nativeRuntime, threads: 1 })
    second.restore((key) => saved.get(key)!, savedCounts)
    await steps(resumed, second, 2, rates.length)
    second.close()
    expect(valuesOf(resumed)).toEqual(await run(name))
  })

  test('a state that does not fit is refused', async () => {
    const store = randomStore()
    const optimizer = await create(store, options, { runtime: nativeRuntime, threads: 1 })
    const { counts } = optimizer.state()
    expect(() => optimizer.restore(() => new Float32Array(4), counts)).toThrow(/has 4 elements, not/)
    expect(() => optimizer.restore(() => new Float32Array(4), new Map())).toThrow(/no step count of "table"/)
    optimizer.close()
  })

  test('steps make no new tensors', async () => {
    const store = randomStore({ chunk: 32 })
    const seen = new Set<unknown>()
    const spying: Runtime = {
      name: 'spy',
      host: nativeRuntime,
      async createSession(graph, sessionOptions) {
        const session = await nativeRuntime.createSession(graph, sessionOptions)
        return {
          graph,
          run(feeds, fetches) {
            for (const key of session.graph.outputs.keys()) expect(fetches).toHaveProperty(key)
            for (const tensor of Object.values({ ...feeds, ...fetches })) seen.add(tensor)
            return session.run(feeds, fetches)
          },
          endProfiling: () => session.endProfiling(),
          close: () => session.close(),
        }
      },
    }
    const optimizer = await create(store, options, { runtime: spying, threads: 2 })
    await optimizer.step({ learningRate: 0.1, gradientScale: 1 })
    const afterOne = seen.size
    for (let i = 0; i < 3; i++) await optimizer.step({ learningRate: 0.1, gradientScale: 1 })
    expect(afterOne).toBeGreaterThan(0)
    expect(seen.size).toBe(afterOne)
    optimizer.close()
  })

  test('an unknown option is refused with the nearest one', async () => {
    const creating = async () =>
      await create(randomStore(), { weightDekay: 1 }, { runtime: nativeRuntime, threads: 1 })
    await expect(creating()).rejects.toThrow(UserError)
    await expect(creating()).rejects.toThrow(/"weightDekay"; the nearest is "weightDecay"/)
  })

  test('closing twice is closing once', async () => {
    const optimizer = await create(randomStore(), {}, { runtime: nativeRuntime, threads: 1 })
    optimizer.close()
    optimizer.close()
    await expect(optimizer.step({ learningRate: 1, gradientScale: 1 })).rejects.toThrow()
  })
})

describe('adafactor', () => {
  /** Moments and last direction U of one matrix by the formula, in float64. */
  function reference(gradients: readonly number[][][]) {
    const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length
    const column = (matrix: readonly number[][], j: number) => matrix.map((row) => row[j]!)
    let R = gradients[0]!.map(() => 0)
    let C = gradients[0]![0]!.map(() => 0)
    const directions = gradients.map((g, i) => {
      const b = 1 - (i + 1) ** -0.8
      const u = g.map((row) => row.map((x) => x * x + 1e-30))
      R = R.map((r, row) => b * r + (1 - b) * mean(u[row]!))
      C = C.map((c, j) => b * c + (1 - b) * mean(column(u, j)))
      return g.map((row, k) => row.map((x, j) => x / Math.sqrt((R[k]! / mean(R)) * C[j]!)))
    })
    return { R, C, direction: directions.at(-1)! }
  }

  test('moments and updates of stacked matrices are those of the formula', async () => {
    const store = randomStore()
    const { value, gradient } = store.parameters.get('stacked')!
    const optimizer = await optimizers
      .get('adafactor')
      .create(store, options, { runtime: nativeRuntime, threads: 1 })
    const matrices = (values: Float32Array) =>
      [0, 1, 2].map((i) =>
        [0, 1, 2, 3, 4].map((row) => [...values.subarray((i * 5 + row) * 7).subarray(0, 7)]),
      )
    const before = matrices(value.floats)
    const gradients: number[][][][] = []
    for (const step of [0, 1]) {
      setGradients(store, step)
      gradients.push(matrices(gradient.floats))
      await optimizer.step({ learningRate: step === 0 ? 0 : 0.3, gradientScale: 1 })
    }
    const wanted = before.map((_, i) => reference(gradients.map((g) => g[i]!)))
    const last = wanted.map(({ direction }) => direction)
    const count = last.flat(2).length
    const excess = Math.max(1, Math.sqrt(last.flat(2).reduce((sum, x) => sum + x * x, 0) / count))
    const updated = before.map((p, i) =>
      p.map((row, k) => row.map((x, j) => x - 0.03 * x - (0.3 * last[i]![k]![j]!) / excess)),
    )
    const { tensors } = optimizer.state()
    closeTo(value.floats, updated.flat(2))
    closeTo(
      tensors.get('exp_avg_sq_row.stacked')!.floats,
      wanted.flatMap(({ R }) => R),
    )
    closeTo(
      tensors.get('exp_avg_sq_col.stacked')!.floats,
      wanted.flatMap(({ C }) => C),
    )
    optimizer.close()
  })

  function closeTo(got: Float32Array, want: readonly number[]): void {
    expect(got.length).toBe(want.length)
    for (const [i, x] of want.entries()) expect(got[i]).toBeCloseTo(x, 5)
  }
})

describe('norm', () => {
  test('is that of all gradients but the missing ones', async () => {
    const store = randomStore({ chunk: 48, slabBytes: 4 * 120 })
    const norm = await createNorm(store, { runtime: nativeRuntime, threads: 2 })
    setGradients(store, 0)
    for (const without of [
      new Set<string>(),
      new Set(['stacked', 'gate']),
      new Set(specs.map(({ name }) => name)),
    ]) {
      const squares = [...store.parameters.values()].flatMap(({ name, gradient }) =>
        without.has(name) ? [] : [...gradient.floats].map((g) => g * g),
      )
      const expected = Math.sqrt(squares.reduce((sum, square) => sum + square, 0))
      expect(Math.abs((await norm.measure(without)) - expected)).toBeLessThanOrEqual(1e-6 * expected)
    }
    norm.close()
    norm.close()
  })

  test('clipping brings it to the limit; a limit of 0 or less is none', () => {
    expect(clippingScale(10, 5)).toBeCloseTo(0.5, 6)
    expect(clippingScale(3, 5)).toBe(1)
    expect(clippingScale(1e-6, 1e-6)).toBeCloseTo(0.5, 6) // torch adds 1e-6 to the norm
    expect(clippingScale(10, 0)).toBe(1)
    expect(clippingScale(10, -1)).toBe(1)
  })
})

describe('accumulation', () => {
  test('the gradients of three batches add up, whichever parameters each one reaches', async () => {
    const store = randomStore({ chunk: 48 })
    const accumulator = await createAccumulator(store, { runtime: nativeRuntime, threads: 2 })
    const reached = [
      ['table', 'bias'],
      ['bias', 'gate'],
      ['table', 'gate', 'bias'],
    ] as const
    const without = reached.map(
      (names) => new Set(specs.flatMap(({ name }) => (names.includes(name as never) ? [] : [name]))),
    )
    setGradients(store, 99) // of the step before
    const expected = Object.fromEntries(specs.map(({ name }) => [name, 0]))
    let never = new Set(specs.map(({ name }) => name))
    for (const [part, names] of reached.entries()) {
      if (part > 0) await accumulator.keep(never)
      for (const name of names) {
        store.parameters.get(name)!.gradient.floats.fill(part + 1)
        expected[name] = expected[name]! + part + 1
      }
      if (part > 0) await accumulator.add(without[part]!)
      never = new Set([...never].filter((name) => without[part]!.has(name)))
    }
    expect(never).toEqual(new Set(['stacked', 'row']))
    for (const { name, gradient } of store.parameters.values()) {
      if (!never.has(name)) expect(new Set(gradient.floats)).toEqual(new Set([expected[name]]))
    }
    accumulator.close()
    accumulator.close()
  })

  test('adding to nothing is refused', async () => {
    const accumulator = await createAccumulator(randomStore(), { runtime: nativeRuntime, threads: 1 })
    await expect(accumulator.add()).rejects.toThrow(/no gradient was kept/)
    accumulator.close()
  })
})

test('an unknown optimizer is refused with the nearest one', () => {
  expect(() => optimizers.get('adamv')).toThrow(/unknown optimizer "adamv"; the nearest is "adamw"/)
})
