import { closeSync, copyFileSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { UserError } from '../../../src/base/index.js'
import { openBackbone } from '../../../src/training/index.js'
import {
  asFloat32,
  type Checkpoint,
  openCheckpoint,
  openModelFolder,
  openSafetensors,
} from '../../../src/weights/index.js'
import { openTorch } from '../../../src/weights/torch/open.js'
import { openVisionEncoder } from '../../../vl/index.js'
import {
  bytesOf,
  entriesOf,
  entry,
  fileOf,
  fixture,
  op,
  stateDictBytes,
  storage,
  tensor,
  values,
  zipOf,
} from '../../support/torch.js'
import { digest, isLacking, shared, temporaryFolder } from '../../support/weights.js'

const read = (pieces: Parameters<typeof entriesOf>[0]) => openTorch(fileOf(zipOf(entriesOf(pieces))))

describe('which tensors are the model', () => {
  const two = (first: string, second: string) => [
    ...[op.dict, op.text(first), entry(tensor()), op.setItem, op.text(second), entry(tensor()), op.setItem],
  ]

  test('those below all others; what an optimizer keeps by number is none', () => {
    const inner = entry(entry(tensor(), op.text('module.w')), op.text('state_dict'))
    const pieces = [op.dict, op.text('best'), tensor(), op.setItem, op.text('model'), inner, op.setItem]
    const optimizer = [op.text('optimizer'), entry(entry(tensor()), op.int(0)), op.setItem]
    const file = read([...pieces, ...optimizer])
    expect([...file.tensors.keys()]).toEqual(['w'])
    expect(file.part).toBe('model.state_dict')
  })

  test('are chosen by name where there are several', () => {
    const path = fileOf(zipOf(entriesOf(two('model', 'ema'))))
    expect(() => openTorch(path)).toThrow(
      /holds several sets of tensors, "model" \(1 tensors\), "ema" \(1 tensors\): take one out with .* --part NAME/,
    )
    expect(openTorch(path, { part: 'ema' }).part).toBe('ema')
    expect(() => openTorch(path, { part: 'emma' })).toThrow(/has no part "emma": take one of "model"/)
  })

  test('keep a prefix that not all of them have; what is no tensor is told', () => {
    const mixed = [op.dict, op.text('module.w'), tensor(), op.setItem, op.text('b'), tensor(), op.setItem]
    const file = read([...mixed, op.text('updates'), op.int(3), op.setItem])
    expect([...file.tensors.keys()]).toEqual(['module.w', 'b'])
    expect(file.others).toEqual(['updates'])
  })

  test('have names', () => {
    expect(() => read([tensor()])).toThrow(/holds no tensors by name: save a model's state_dict\(\)/)
    expect(() => read([op.list, tensor(), op.append])).toThrow(/holds no tensors by name/)
    expect(() => read([entry(tensor(), op.int(1))])).toThrow(/holds no tensors by name/)
    expect(() => read([entry(tensor(), op.text('__metadata__'))])).toThrow(/called __metadata__/)
  })
})

describe('where bytes lie', () => {
  test("float32 in row-major order is used where it lies in PyTorch's own file", () => {
    const file = openTorch(fixture('plain.pt'))
    expect(asFloat32(file, join(temporaryFolder(), 'never made'))).toBe(file)
    const { begin, end, path } = file.tensors.get('b.weight')!
    expect(begin % 64).toBe(0)
    expect(new Float32Array(Uint8Array.from(readFileSync(path).subarray(begin, end)).buffer)).toEqual(
      file.read('b.weight'),
    )
  })

  test.each(['views.pt', 'big-endian.pt', 'dtypes.pt', 'script.pt', 'legacy.pt'])(
    '%s, which has other tensors, is written once as float32',
    (name) => {
      const cache = temporaryFolder()
      const file = openTorch(fixture(name))
      const wide = asFloat32(file, cache)
      expect(wide.files[0]).toContain(cache)
      expect([...wide.tensors.keys()]).toEqual([...file.tensors.keys()])
      for (const [tensor, { dtype, begin }] of wide.tensors) {
        if (/^[FB]\d|^BF/.test(file.tensors.get(tensor)!.dtype)) {
          expect(dtype).toBe('F32')
          expect(wide.readFloat32(tensor)).toEqual(file.readFloat32(tensor))
          expect(begin % 4).toBe(0)
        } else expect(wide.read(tensor)).toEqual(file.read(tensor))
      }
      expect(asFloat32(openTorch(fixture(name)), cache).files).toEqual(wide.files)
    },
  )

  test('tied tensors are written once, and found by all their names', () => {
    const data = new Uint16Array([0x3c00, 0x4000, 0, 0])
    const half = tensor({ of: storage(op.int(4), '0', 'HalfStorage') })
    const pieces = [op.dict, op.text('a'), half, op.setItem, op.text('b'), half, op.setItem]
    const wide = asFloat32(
      openTorch(fileOf(zipOf(entriesOf(pieces, new Uint8Array(data.buffer))))),
      temporaryFolder(),
    )
    expect(wide.tensors.get('b')).toEqual(wide.tensors.get('a'))
    expect(wide.readFloat32('b')).toEqual(Float32Array.of(1, 2, 0, 0))
    expect(openSafetensors(wide.files[0]!).tensors.size).toBe(1)
  })

  test('a tensor beyond 4 GiB is read where it lies, and nothing else', () => {
    const path = join(temporaryFolder(), 'large.pt')
    const hole = 5 * 2 ** 30
    const [pickle, data] = entriesOf([entry(tensor())])
    const small = zipOf([pickle!, data!], { large: true })
    const begin = small.indexOf('PK\x03\x04', 4, 'latin1')
    const directory = small.indexOf('PK\x01\x02', 'latin1')
    const moved = Buffer.from(small)
    for (const [field, value] of placesOf(small, begin, directory))
      moved.writeBigUInt64LE(BigInt(value + hole), field)
    const descriptor = openSync(path, 'w')
    writeSync(descriptor, moved, 0, begin, 0)
    writeSync(descriptor, moved, begin, moved.length - begin, hole + begin)
    closeSync(descriptor)
    expect(openTorch(path).read('a')).toEqual(values)
  })

  /** Fields of a zip64 file that say where what follows `begin` lies, and what they say. */
  function placesOf(zip: Buffer, begin: number, directory: number): readonly (readonly [number, number])[] {
    const field = (value: number, from: number) =>
      zip.indexOf(Buffer.from(BigUint64Array.of(BigInt(value)).buffer), from)
    const end64 = zip.indexOf('PK\x06\x06', 'latin1')
    return [
      [field(begin, directory), begin],
      [field(directory, end64), directory],
      [field(end64, end64), end64],
    ]
  }

  test('a file that changes while it is in use is noticed', () => {
    const path = join(temporaryFolder(), 'a.pt')
    copyFileSync(fixture('plain.pt'), path)
    const file = openTorch(path)
    copyFileSync(fixture('views.pt'), path)
    expect(() => file.read('a.bias')).toThrow(/was changed while it was in use/)
  })
})

describe('what is none of these files', () => {
  test.each<[string, Uint8Array | string, RegExp]>([
    ['text', 'hello, world', /is no checkpoint of PyTorch's/],
    ['nothing', '', /is empty/],
    ["Git LFS's pointer", 'version https://git-lfs', /run git lfs pull/],
    ["another program's pickle", bytesOf(['\x80\x04', op.dict, op.stop]), /is a pickle, but not PyTorch's/],
    ['a pickle of a name', bytesOf(['\x80\x02', op.global('os', 'system'), op.stop]), /asks for os\.system/],
  ])('%s', (_, bytes, message) => {
    expect(() => openTorch(fileOf(Buffer.from(bytes)))).toThrow(message)
  })

  test.each([
    ['complex.pt', /tensor "a" is complex64: save it as another type/],
    ['float8.pt', /tensor "a" is float8_e4m3fn/],
    ['module.pt', /asks for torch\.nn\.modules\.linear\.Linear, which weights have no need for/],
  ])('%s', (name, message) => {
    expect(() => openTorch(fixture(name))).toThrow(message)
    expect(() => openTorch(fixture(name))).toThrow(UserError)
  })

  test('an old file cut short anywhere, or with any byte changed, is refused in words, or read', () => {
    const whole = readFileSync(fixture('legacy.pt'))
    const path = fileOf(whole)
    const tried = (bytes: Uint8Array) => {
      writeFileSync(path, bytes)
      try {
        const file = openTorch(path)
        for (const name of file.tensors.keys()) file.read(name)
        return true
      } catch (error) {
        expect(error).toBeInstanceOf(UserError)
        return false
      }
    }
    expect(tried(whole)).toBe(true)
    for (let bytes = 0; bytes < whole.length; bytes++) expect(tried(whole.subarray(0, bytes))).toBe(false)
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole)
      changed[at] = changed[at]! ^ 0xff
      tried(changed)
    }
  })

  test('a safetensors file whose first bytes look like a pickle is one all the same', () => {
    const header = `{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`.padEnd(0x280)
    const bytes = Buffer.concat([Buffer.from(BigUint64Array.of(0x280n).buffer), Buffer.from(header)])
    expect(bytes.subarray(0, 2)).toEqual(Buffer.from([0x80, 2]))
    expect([...openCheckpoint(fileOf(bytes)).tensors.keys()]).toEqual(['a'])
  })
})

const storageClasses: Readonly<Record<string, string>> = {
  F32: 'FloatStorage',
  F16: 'HalfStorage',
  I64: 'LongStorage',
}

const torchBytes = (checkpoint: Checkpoint, names: readonly string[]) =>
  stateDictBytes(
    names.map((name) => {
      const { dtype, shape } = checkpoint.tensors.get(name)!
      return { name, shape, storageClass: storageClasses[dtype]!, data: checkpoint.read(name) }
    }),
  )

/** A model folder whose weights PyTorch might have saved, in one file or in two. */
function torchFolder(from: string, { shards }: { readonly shards: boolean }): string {
  const folder = temporaryFolder()
  for (const name of ['config.json', 'tokenizer.json']) copyFileSync(join(from, name), join(folder, name))
  const checkpoint = openCheckpoint(from)
  const names = [...checkpoint.tensors.keys()]
  if (!shards) writeFileSync(join(folder, 'pytorch_model.bin'), torchBytes(checkpoint, names))
  else {
    const fileOfName = (i: number) => `pytorch_model-0000${(i % 2) + 1}-of-00002.bin`
    for (const odd of [0, 1])
      writeFileSync(
        join(folder, fileOfName(odd)),
        torchBytes(
          checkpoint,
          names.filter((_, i) => i % 2 === odd),
        ),
      )
    const index = { weight_map: Object.fromEntries(names.map((name, i) => [name, fileOfName(i)])) }
    writeFileSync(join(folder, 'pytorch_model.bin.index.json'), JSON.stringify(index))
  }
  return folder
}

describe.skipIf(isLacking('data', 't5-mini'))('a model folder', () => {
  test.each([{ shards: false }, { shards: true }])(
    'of PyTorch is a backbone with the same weights: %j',
    (how) => {
      const cache = temporaryFolder()
      const folder = torchFolder(shared('data/t5-mini'), how)
      const [given, own] = [folder, shared('data/t5-mini')].map((name) => openBackbone(name, { cache }))
      expect(given!.config).toEqual(own!.config)
      expect(given!.tokenizerFile).toBe(join(folder, 'tokenizer.json'))
      expect([...given!.weights.tensors.keys()].toSorted()).toEqual(
        [...own!.weights.tensors.keys()].toSorted(),
      )
      for (const [name, { dtype }] of given!.weights.tensors) {
        expect(dtype).toBe('F32')
        expect(digest(given!.weights.read(name))).toBe(digest(own!.weights.read(name)))
      }
    },
  )

  test('whose shard is missing says so', () => {
    const folder = torchFolder(shared('data/t5-mini'), { shards: true })
    writeFileSync(join(folder, 'pytorch_model.bin.index.json'), '{"weight_map": {"a": "no.bin"}}')
    expect(() => openModelFolder(folder)).toThrow(
      /no\.bin: is missing \(pytorch_model\.bin\.index\.json wants "a"/,
    )
  })
})

test.skipIf(isLacking('data', 'clip-mini'))("a CLIP of PyTorch's is an encoder", () => {
  const folder = temporaryFolder()
  const from = shared('data/clip-mini')
  copyFileSync(join(from, 'config.json'), join(folder, 'config.json'))
  const checkpoint = openCheckpoint(from)
  writeFileSync(join(folder, 'pytorch_model.bin'), torchBytes(checkpoint, [...checkpoint.tensors.keys()]))
  expect(openVisionEncoder(folder, { cache: temporaryFolder() }).name).toBe(folder)
})

test("one file with OpenAI's names is an encoder", () => {
  const linear = (name: string, rows: number, columns: number) => ({
    [`${name}.weight`]: [rows, columns],
    [`${name}.bias`]: [rows],
  })
  const norm = (name: string) => ({ [`${name}.weight`]: [64], [`${name}.bias`]: [64] })
  const block = 'visual.transformer.resblocks.0'
  const shapes: Readonly<Record<string, readonly number[]>> = {
    ...{
      'visual.class_embedding': [64],
      'visual.conv1.weight': [64, 3, 4, 4],
      'visual.positional_embedding': [5, 64],
    },
    ...{ 'visual.proj': [64, 8], text_projection: [64, 8], positional_embedding: [5, 64], logit_scale: [] },
    ...{ 'token_embedding.weight': [7, 64], 'transformer.resblocks.0.mlp.c_fc.weight': [128, 64] },
    ...{ [`${block}.attn.in_proj_weight`]: [192, 64], [`${block}.attn.in_proj_bias`]: [192] },
    ...{ ...norm('visual.ln_pre'), ...norm('visual.ln_post'), ...norm('ln_final') },
    ...{ ...norm(`${block}.ln_1`), ...norm(`${block}.ln_2`), ...linear(`${block}.attn.out_proj`, 64, 64) },
    ...{ ...linear(`${block}.mlp.c_fc`, 128, 64), ...linear(`${block}.mlp.c_proj`, 64, 128) },
  }
  const tensors = Object.entries(shapes).map(([name, shape]) => {
    const data = new Uint16Array(shape.reduce((product, size) => product * size, 1))
    return { name, shape, storageClass: 'HalfStorage', data }
  })
  const path = fileOf(stateDictBytes(tensors), 'ViT-tiny.pt')
  expect(openVisionEncoder(path, { cache: temporaryFolder() }).name).toBe(path)
})
