import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import {
  openCheckpoint,
  openModelFolder,
  openSafetensors,
  overlay,
  type TensorToWrite,
  writeSafetensors,
} from '../../src/weights/index.js'
import { shared, temporaryFolder } from '../support/weights.js'

function tensor(name: string, ...values: number[]): TensorToWrite {
  return { name, dtype: 'F32', shape: [values.length], data: Float32Array.from(values) }
}

/** A folder with two shards; `index` and `second` can be spoiled. */
function shardedFolder({
  index,
  second,
}: {
  index?: unknown
  second?: readonly TensorToWrite[]
} = {}): string {
  const folder = temporaryFolder()
  writeSafetensors(join(folder, 'one.safetensors'), [tensor('a', 1), tensor('b', 2, 3)])
  writeSafetensors(join(folder, 'two.safetensors'), second ?? [tensor('c', 4)])
  const sound = {
    metadata: { total_size: 16 },
    weight_map: { a: 'one.safetensors', b: 'one.safetensors', c: 'two.safetensors' },
  }
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify(index ?? sound))
  return folder
}

test('shards are one checkpoint', () => {
  const checkpoint = openCheckpoint(shardedFolder())
  expect([...checkpoint.tensors.keys()]).toEqual(['b', 'a', 'c'].sort())
  expect(checkpoint.readFloat32('c')).toEqual(Float32Array.of(4))
  expect(checkpoint.tensors.get('c')?.path).toMatch(/two\.safetensors$/)
  expect(checkpoint.files).toHaveLength(2)
  expect(() => checkpoint.read('d')).toThrow(/one\.safetensors and 1 more: has no tensor "d"/)
})

const map = (weights: Record<string, string>) => ({ index: { weight_map: weights } })
const [one, two] = ['one.safetensors', 'two.safetensors']

describe('shards are refused', () => {
  test.each([
    [
      'a shard that is missing',
      map({ a: one, b: one, c: 'three.safetensors' }),
      /three\.safetensors: is missing .*wants "c"/,
    ],
    ['a shard outside the folder', map({ a: one, b: one, c: '../two.safetensors' }), /is missing/],
    ['a tensor that no shard has', map({ a: one, b: one, c: two, d: two }), /tensor "d" is not in two/],
    ['a tensor in another shard than said', map({ a: one, b: two, c: two }), /tensor "b" is not in two/],
    [
      'a tensor in no map',
      map({ a: one, c: two }),
      /tensor "b" of one\.safetensors is not in the weight_map/,
    ],
    [
      'a tensor in two shards',
      { second: [tensor('c', 4), tensor('a', 5)] },
      /"a" is in two shards, one.* and two/,
    ],
    ['an index without a map', { index: { weight_map: [1] } }, /weight_map is not an object/],
  ])('%s', (_, spoiled, message) => {
    const folder = shardedFolder(spoiled)
    expect(() => openCheckpoint(folder)).toThrow(message)
    expect(() => openCheckpoint(folder)).toThrow(UserError)
  })
})

test('an index that is not JSON is told in one line', () => {
  const folder = shardedFolder()
  writeFileSync(join(folder, 'model.safetensors.index.json'), '{\n"weight_map": {\n')
  expect(() => openCheckpoint(folder)).toThrow(/^.*index\.json: is not JSON \(.*\): download it again$/)
})

test('later checkpoints of an overlay count', () => {
  const folder = temporaryFolder()
  const [first, second] = [join(folder, 'first'), join(folder, 'second')]
  writeSafetensors(first, [tensor('a', 1), tensor('b', 2)])
  writeSafetensors(second, [tensor('b', 3, 4), tensor('c', 5)])
  const both = overlay(openSafetensors(first), openSafetensors(second))
  expect([...both.tensors.keys()]).toEqual(['a', 'b', 'c'])
  expect(both.readFloat32('a')).toEqual(Float32Array.of(1))
  expect(both.read('b')).toEqual(Float32Array.of(3, 4))
  expect(both.tensors.get('b')?.shape).toEqual([2])
  expect(() => overlay().read('a')).toThrow(/an empty checkpoint: has no tensor "a"/)
})

test("a Hugging Face folder: configuration, weights, the tokenizer's place", () => {
  const { config, checkpoint, tokenizerFile } = openModelFolder(shared('data/t5-mini'))
  expect(config.model_type).toBe('t5')
  expect(config.d_model).toBe(128)
  expect(checkpoint.tensors.has('shared.weight')).toBe(true)
  expect(tokenizerFile).toBe(join(shared('data/t5-mini'), 'tokenizer.json'))
})

describe('a folder is refused', () => {
  const config = { 'config.json': '{"model_type": "t5"}' }
  test.each<[string, Record<string, string>, RegExp]>([
    ['without config.json', {}, /has no config\.json/],
    ['with a config that is not JSON', { 'config.json': '{\n"model_type": \n' }, /config\.json: is not JSON/],
    ['with a config that is a list', { 'config.json': '[]' }, /"model_type"/],
    ['with a config without model_type', { 'config.json': '{"d_model": 3}' }, /no text in "model_type"/],
    ['without weights', config, /has no model\.safetensors: download or save it there/],
    [
      "with another library's file",
      { ...config, 'tf_model.h5': '' },
      /has tf_model\.h5 but no model\.safetensors: save the model as safetensors/,
    ],
    [
      "with PyTorch's own file, empty",
      { ...config, 'pytorch_model.bin': '' },
      /pytorch_model\.bin: is empty/,
    ],
    [
      'with weights that are cut',
      { ...config, 'model.safetensors': 'x' },
      /model\.safetensors: is cut short.*download it again/,
    ],
  ])('%s', (_, files, message) => {
    const folder = temporaryFolder()
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
    expect(() => openModelFolder(folder)).toThrow(message)
    expect(() => openModelFolder(folder)).toThrow(/^[^\n]+$/)
    expect(() => openModelFolder(folder)).toThrow(UserError)
  })

  test('that is not there, or a file', () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'sub'))
    writeFileSync(join(folder, 'file'), '')
    expect(() => openModelFolder(join(folder, 'none'))).toThrow(/there is no such folder/)
    expect(() => openModelFolder(join(folder, 'file', 'none'))).toThrow(/there is no such folder/)
    expect(() => openModelFolder(join(folder, 'file'))).toThrow(/is a file/)
    expect(() => openCheckpoint(join(folder, 'none'))).toThrow(/there is no such file or folder/)
  })
})
