/** Seeded weights of a model, as a file: start values of every parameter, or stretches of a few blocks of them. */
import { initialised, type ParameterSpec } from '../models/index.js'
import {
  type Checkpoint,
  openSafetensors,
  type Window,
  windowsOf,
  writeSafetensors,
} from '../weights/index.js'
import { elements } from './parameters.js'

/** Start values of parameters. */
export function writeStart(path: string, specs: readonly ParameterSpec[], seed: number): void {
  writeSafetensors(
    path,
    specs.map((spec) => ({
      ...{ name: spec.name, dtype: 'F32' as const, shape: spec.shape },
      data: () => initialised(spec, seed),
    })),
  )
}

/** How far apart the stretches of a block begin, in elements: tensors begin at multiples of 64 bytes. */
const apart = 1040

/**
 * Parameters as stretches of blocks, of which there is one for each way of starting. Every stretch begins elsewhere, so
 * that layers differ, and each has the distribution that its parameter starts with; but they share most of their
 * values. What is written and mapped is as large as the largest parameter of each block, however many layers there are.
 */
export function sharedBlocks(specs: readonly ParameterSpec[]): {
  readonly blocks: readonly ParameterSpec[]
  readonly windows: ReadonlyMap<string, Window>
} {
  const users = new Map<string, ParameterSpec[]>()
  for (const spec of specs) {
    const block = Object.values(spec.initializer).join(' ')
    users.set(block, [...(users.get(block) ?? []), spec])
  }
  const windows = [...users].flatMap(([of, each]) =>
    each.map(({ name, shape }, i) => [name, { of, from: i * apart, shape }] as const),
  )
  const blocks = [...users].map(([name, each]) => {
    const longest = Math.max(...each.map(({ shape }, i) => i * apart + elements(shape)))
    return { ...each[0]!, name, shape: [Math.ceil(longest / 16) * 16] }
  })
  return { blocks, windows: new Map(windows) }
}

/** @param path of a file of these blocks */
export function openSharedBlocks(path: string, specs: readonly ParameterSpec[]): Checkpoint {
  return windowsOf(openSafetensors(path), sharedBlocks(specs).windows)
}
