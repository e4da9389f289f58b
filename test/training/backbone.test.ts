/** The frozen backbone: what is written once and mapped afterwards, and what is wrong with a folder. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { UserError } from '../../src/base/index.js'
import { initialise, normal } from '../../src/models/index.js'
import { type Backbone, openBackbone, withTokenRows } from '../../src/training/backbone.js'
import {
  type Checkpoint,
  float32ToFloat16,
  openSafetensors,
  writeSafetensors,
} from '../../src/weights/index.js'
import { writeTinyT5 } from '../support/t5.js'
import { tinyBart, tinyConfig } from '../support/tinyConfig.js'
import { digest, temporaryFolder } from '../support/weights.js'

/** Published sizes are too large for a test: one more that is small. */
vi.mock('../../src/models/architectures.js', async (original) => {
  const { registry } = await import('../../src/base/index.js')
  const { tinyConfig } = await import('../support/tinyConfig.js')
  const { architectures } = await original<typeof import('../../src/models/architectures.js')>()
  // Its token table is written in two pieces.
  const tiny = { name: 'tiny', config: { ...tinyConfig, vocab_size: 50_000 } }
  return { architectures: registry('model size', [...architectures.entries, tiny]) }
})

/** All files below a folder, with when they were last written. */
function writtenIn(folder: string): Record<string, number> {
  const files = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : []
  return Object.fromEntries(
    files
      .map((name) => [name, statSync(join(folder, name))] as const)
      .filter(([, status]) => status.isFile())
      .map(([name, { mtimeMs, ino }]) => [name, mtimeMs + ino]),
  )
}

const row = (weights: Checkpoint, name: string, index: number): number[] => {
  const width = weights.tensors.get(name)!.shape[1]!
  return [...weights.readFloat32(name).subarray(index * width, (index + 1) * width)]
}

describe('random:NAME', () => {
  test('is written once, is the same in every cache, and follows its seed', () => {
    const [cache, other] = [temporaryFolder(), temporaryFolder()]
    const notes: string[] = []
    const open = (at: string, seed?: number) =>
      openBackbone('random:tiny', {
        cache: at,
        ...(seed === undefined ? {} : { seed }),
        onWrite: (text) => notes.push(text),
      })
    const first = open(cache)
    expect(notes).toEqual([`random:tiny: writing 4.7 MB of seeded weights into ${cache}, once`])
    const written = writtenIn(cache)
    expect(Object.keys(written)).toHaveLength(1)
    expect(open(cache, 0).weights.files).toEqual(first.weights.files)
    expect(writtenIn(cache)).toEqual(written)
    expect(notes).toHaveLength(1)
    const bytes = (opened: Backbone) => readFileSync(opened.weights.files[0]!)
    expect(bytes(open(other)).equals(bytes(first))).toBe(true)
    expect(bytes(open(cache, 7)).equals(bytes(first))).toBe(false)
    expect(Object.keys(writtenIn(cache))).toHaveLength(2)
  })

  test('a parameter starts by its own initializer, whatever the size of the pieces', () => {
    const { weights } = openBackbone('random:tiny', { cache: temporaryFolder(), seed: 5 })
    const q = 'decoder.block.1.layer.1.EncDecAttention.q.weight'
    for (const [name, deviation] of [[q, (24 * 10) ** -0.5] as const, ['shared.weight', 1] as const]) {
      const values = weights.readFloat32(name)
      const own = new Float32Array(values.length)
      initialise(own, normal(deviation), 5, name)
      expect(digest(values)).toBe(digest(own))
    }
  })

  test('an unknown size is named with the nearest', () => {
    const open = () => openBackbone('random:t5-smal', { cache: temporaryFolder() })
    expect(open).toThrow(UserError)
    expect(open).toThrow('unknown model size "t5-smal"; the nearest is "t5-small" (all: ')
  })
})

describe('a token table of another height', () => {
  const tables = ['shared.weight', 'lm_head.weight']

  test.each([true, false])('is written once and mapped; tied: %s', (tied) => {
    const [folder, cache] = [writeTinyT5(temporaryFolder(), { tie_word_embeddings: tied }), temporaryFolder()]
    const open = (rows?: number) => {
      const backbone = openBackbone(folder, { cache })
      return rows ? withTokenRows(backbone, rows, { cache }) : backbone
    }
    const plain = open()
    expect(writtenIn(cache)).toEqual({})
    expect(open(tinyConfig.vocab_size).weights.files).toEqual(plain.weights.files)
    const higher = open(70)
    const written = writtenIn(cache)
    expect(Object.keys(written)).toHaveLength(1)
    expect(open(70).weights.files).toEqual(higher.weights.files)
    expect(writtenIn(cache)).toEqual(written)
    expect(higher.config).toEqual({ ...plain.config, vocabSize: 70 })
    for (const table of tied ? tables.slice(0, 1) : tables) {
      const { path, shape, dtype } = higher.weights.tensors.get(table)!
      expect({ shape, dtype }).toEqual({ shape: [70, 24], dtype: 'F32' })
      expect(path.startsWith(cache)).toBe(true)
      expect(row(higher.weights, table, 58)).toEqual(row(plain.weights, table, 58))
      const added = higher.weights.readFloat32(table).subarray(59 * 24)
      expect(deviation(added)).toBeGreaterThan(0.85)
      expect(deviation(added)).toBeLessThan(1.15)
      expect([...open(40).weights.readFloat32(table)]).toEqual([
        ...plain.weights.readFloat32(table).subarray(0, 40 * 24),
      ])
    }
    const q = 'encoder.block.0.layer.0.SelfAttention.q.weight'
    expect(higher.weights.tensors.get(q)).toEqual(plain.weights.tensors.get(q))
  })

  const deviation = (values: Float32Array) =>
    Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length)

  test('is made anew when the checkpoint at this path is another one', () => {
    const [folder, cache] = [writeTinyT5(temporaryFolder()), temporaryFolder()]
    const table = 'shared.weight'
    const before = withTokenRows(openBackbone(folder, { cache }), 70, { cache }).weights.readFloat32(table)
    writeTinyT5(folder, {}, (name, values) => name === table && values.fill(0.5))
    const after = withTokenRows(openBackbone(folder, { cache }), 70, { cache }).weights.readFloat32(table)
    expect(new Set(after.subarray(0, 59 * 24))).toEqual(new Set([0.5]))
    expect(digest(after.subarray(59 * 24))).toBe(digest(before.subarray(59 * 24)))
  })
})

test('float16 weights are widened once', () => {
  const [folder, cache] = [writeTinyT5(temporaryFolder()), temporaryFolder()]
  const file = join(folder, 'model.safetensors')
  const tensors = openSafetensors(file)
  const halves = [...tensors.tensors.values()].map(({ name, shape }) => ({
    ...{ name, shape, dtype: 'F16' as const },
    data: Uint16Array.from(tensors.readFloat32(name), (value) => (value < 0 ? 0xbc00 : 0x3c00)),
  }))
  rmSync(file)
  writeSafetensors(file, halves)
  const open = () => openBackbone(folder, { cache }).weights
  const values = open().readFloat32('shared.weight')
  expect(new Set(values)).toEqual(new Set([-1, 1]))
  const written = writtenIn(cache)
  expect(Object.keys(written)).toHaveLength(1)
  expect([...open().tensors.values()].every(({ dtype }) => dtype === 'F32')).toBe(true)
  expect(writtenIn(cache)).toEqual(written)
})

describe('a bad backbone is one line with file, field and fix', () => {
  const q = 'encoder.block.1.layer.0.SelfAttention.q.weight'

  /** Writes the tiny model's tensors again, changed. */
  function rewrite(
    folder: string,
    change: (name: string) => { name?: string; shape?: number[] } | undefined,
  ) {
    const file = join(folder, 'model.safetensors')
    const opened = openSafetensors(file)
    const tensors = [...opened.tensors.values()].flatMap(({ name, shape }) => {
      const changed = change(name)
      if (changed === undefined) return []
      return [{ name, shape, dtype: 'F32' as const, data: opened.readFloat32(name), ...changed }]
    })
    writeSafetensors(file, tensors)
  }

  test.each<[string, (folder: string) => void, (folder: string) => string]>([
    ['no folder', (at) => rmSync(at, { recursive: true }), (at) => `${at}: there is no such folder`],
    ['no weights', (at) => rmSync(join(at, 'model.safetensors')), (at) => `${at}: has no model.safetensors`],
    ['no config.json', (at) => rmSync(join(at, 'config.json')), (at) => `${at}: has no config.json`],
    [
      'another architecture',
      (at) => writeFileSync(join(at, 'config.json'), '{"model_type": "gpt2"}'),
      (at) => `${at}/config.json: "model_type" is "gpt2": take a model of type t5 or bart`,
    ],
    [
      'a missing tensor',
      (at) => rewrite(at, (name) => (name === q ? undefined : {})),
      (at) => `${at}: tensor "${q}" is missing: take the checkpoint that belongs to its config.json`,
    ],
    [
      'a tensor of another name',
      (at) => rewrite(at, (name) => (name === q ? { name: `transformer.${q}` } : {})),
      (at) => `${at}: tensor "${q}" is missing`,
    ],
    [
      'a tensor of another shape',
      (at) => rewrite(at, (name) => (name === q ? { shape: [24, 30] } : {})),
      (at) => `${at}/model.safetensors: tensor "${q}" is (24, 30) where config.json asks for (30, 24)`,
    ],
    [
      'a table of another height',
      (at) => writeFileSync(join(at, 'config.json'), JSON.stringify({ ...tinyConfig, vocab_size: 60 })),
      (at) =>
        `${at}/model.safetensors: tensor "shared.weight" is (59, 24) where config.json asks for (60, 24)`,
    ],
    [
      'a truncated file',
      (at) => {
        const file = join(at, 'model.safetensors')
        writeFileSync(file, readFileSync(file).subarray(0, 5000))
      },
      (at) => `${at}/model.safetensors`,
    ],
    [
      'integers where weights belong',
      (at) => {
        const file = join(at, 'model.safetensors')
        const opened = openSafetensors(file)
        writeSafetensors(
          file,
          [...opened.tensors.values()].map(({ name, shape }) => {
            const data = opened.readFloat32(name)
            if (name !== q) return { name, shape, dtype: 'F32' as const, data }
            return { name, shape, dtype: 'I32' as const, data: new Int32Array(data.length) }
          }),
        )
      },
      (at) => `${at}/model.safetensors: tensor "${q}" is I32`,
    ],
  ])('%s', (_, spoil, message) => {
    const folder = writeTinyT5(temporaryFolder())
    spoil(folder)
    const open = () => openBackbone(folder, { cache: temporaryFolder() })
    expect(open).toThrow(UserError)
    expect(open).toThrow(message(folder))
    expect(open).not.toThrow('\n')
  })
})

describe('a BART', () => {
  test('as it is published without its head: names without prefix, no bias of the logits', () => {
    const folder = temporaryFolder()
    const written = writeTinyT5(join(folder, 'model'), tinyBart)
    const file = join(written, 'model.safetensors')
    const whole = openSafetensors(file)
    const bare = [...whole.tensors.values()].filter(({ name }) => name !== 'final_logits_bias')
    const tensors = bare.map(({ name, shape }) => {
      const data = new Uint16Array(shape.reduce((count, size) => count * size, 1))
      float32ToFloat16(whole.readFloat32(name), data)
      return { name: name.replace('model.', ''), shape, dtype: 'F16' as const, data }
    })
    writeSafetensors(file, tensors)
    const { weights } = openBackbone(written, { cache: join(folder, 'cache') })
    expect([...weights.tensors.keys()].sort()).toEqual(
      [...bare.map(({ name }) => name), 'final_logits_bias'].sort(),
    )
    expect([...weights.readFloat32('final_logits_bias')]).toEqual(new Array(59).fill(0))
    expect(weights.tensors.get('model.shared.weight')).toMatchObject({ dtype: 'F32', shape: [59, 24] })
  })

  test('more rows than the checkpoint has: normal ones in the table, zeros in the bias of the logits', () => {
    const folder = temporaryFolder()
    const cache = join(folder, 'cache')
    const written = writeTinyT5(join(folder, 'model'), tinyBart, (name, values) => {
      if (name === 'final_logits_bias') values.fill(2)
    })
    const { weights, config } = withTokenRows(openBackbone(written, { cache }), 63, { cache })
    expect(config.vocabSize).toBe(63)
    const bias = [...weights.readFloat32('final_logits_bias')]
    expect(bias).toEqual([...new Array(59).fill(2), 0, 0, 0, 0])
    const added = weights.readFloat32('model.shared.weight').subarray(59 * 24)
    expect(added).toHaveLength(4 * 24)
    expect(Math.max(...added.map(Math.abs))).toBeGreaterThan(tinyBart.init_std)
    expect(Math.max(...added.map(Math.abs))).toBeLessThan(4 * tinyBart.init_std)
  })
})
