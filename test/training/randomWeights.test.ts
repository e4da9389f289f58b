/** Large models of seeded weights: what their layers share, and what is written. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type ParameterSpec, readBackboneConfig } from '../../src/models/index.js'
import { backboneParameters } from '../../src/training/backbone.js'
import { openSharedBlocks, sharedBlocks, writeStart } from '../../src/training/randomWeights.js'
import { type Checkpoint, overlay } from '../../src/weights/index.js'
import { countOf } from '../support/operators.js'
import { tinyConfig } from '../support/tinyConfig.js'
import { folderOfFile } from '../support/weights.js'

const config = { ...tinyConfig, d_model: 64, d_kv: 16, num_heads: 4, d_ff: 128, num_layers: 6 }
const specs = backboneParameters(readBackboneConfig(config, 'config.json'))

const folder = folderOfFile()

function opened(name: string, given: readonly ParameterSpec[]) {
  const path = join(folder, `${name}.safetensors`)
  writeStart(path, sharedBlocks(given).blocks, 3)
  return { path, weights: openSharedBlocks(path, given) }
}

const deviation = (values: Float32Array) =>
  Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length)

describe('seeded values that layers share', () => {
  let [path, weights]: [string, Checkpoint] = ['', overlay()]
  beforeAll(() => {
    ;({ path, weights } = opened('six', specs))
  })

  test('every parameter is there in its shape, and starts as it should', () => {
    for (const { name, shape, initializer } of specs) {
      expect(weights.tensors.get(name)!.shape).toEqual(shape)
      const values = weights.readFloat32(name)
      if (initializer.kind === 'constant') expect(values.every((x) => x === initializer.value)).toBe(true)
      if (initializer.kind !== 'normal' || values.length < 1000) continue
      expect(deviation(values) / initializer.deviation, name).toBeCloseTo(1, 1)
    }
  })

  test('no two layers have the same weights', () => {
    const firsts = specs
      .filter(({ initializer }) => initializer.kind === 'normal')
      .map(({ name }) => weights.readFloat32(name)[0])
    expect(new Set(firsts).size).toBe(firsts.length)
  })

  test('tensors lie in the one file, at multiples of 64 bytes, so that they can be mapped', () => {
    for (const { begin, end, path: file } of weights.tensors.values()) {
      expect(file).toBe(path)
      expect(begin % 64).toBe(0)
      expect(end).toBeLessThanOrEqual(statSync(path).size)
    }
  })

  test('more layers take hardly more of the disk', () => {
    const deep = backboneParameters(readBackboneConfig({ ...config, num_layers: 12 }, 'config.json'))
    const bytes = (of: readonly ParameterSpec[]) => of.reduce((sum, { shape }) => sum + 4 * countOf(shape), 0)
    const grown = statSync(opened('twelve', deep).path).size - statSync(path).size
    // Each of the 60 more begins 4,160 bytes behind the one before it, whatever its size.
    expect(grown).toBeLessThan(60 * 4160 + 1024)
    expect(bytes(deep) - bytes(specs)).toBeGreaterThan(3 * grown)
  })
})
