import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import { makeAside } from '../../src/files/index.js'
import { dtypes, openSafetensors, type TensorToWrite, writeSafetensors } from '../../src/weights/index.js'
import { writeTensors } from '../../src/weights/write.js'
import { safetensorsBytes, shared, temporaryFolder } from '../support/weights.js'

test('the small T5 is read: float16 as stored and as float32', () => {
  const file = openSafetensors(shared('data/t5-mini/model.safetensors'))
  expect(file.tensors.get('shared.weight')).toMatchObject({ dtype: 'F16', shape: [32128, 128] })
  const stored = file.read('shared.weight') as Uint16Array
  const widened = file.readFloat32('shared.weight')
  expect(stored).toHaveLength(32128 * 128)
  expect(widened).toHaveLength(32128 * 128)
  // Computed by NumPy from the same bytes.
  expect(widened.subarray(0, 2)).toEqual(Float32Array.of(2.658203125, -0.337158203125))
  expect(widened.reduce((sum, x) => sum + x, 0)).toBeCloseTo(-2996670.603708267, 6)
  const total = [...file.tensors.values()].reduce((sum, { begin, end }) => sum + (end - begin) / 2, 0)
  expect(total).toBe(5_950_464)
})

test('a recorded case is read: float32 and int64, scalars too', () => {
  const file = openSafetensors(shared('parity/vl/t5-lst/tensors.safetensors'))
  expect(file.read('in/input_ids')).toBeInstanceOf(BigInt64Array)
  expect(file.readFloat32('want/loss')).toHaveLength(1)
  expect(file.readFloat32('want/loss')[0]).toBeGreaterThan(0)
  expect(() => file.readFloat32('in/input_ids')).toThrow(/"in\/input_ids" is I64/)
  expect(() => file.read('want/los')).toThrow(/has no tensor "want\/los"; the nearest is "want\/loss"/)
})

/** Tensors of every dtype with random bytes and pairwise different names, some of them awkward. */
const anyTensors = fc
  .uniqueArray(fc.tuple(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.constantFrom(...dtypeNames())), {
    selector: ([name]) => name,
    maxLength: 6,
  })
  .chain((heads) =>
    fc.tuple(
      ...heads.map(([name, dtype]) =>
        fc.array(fc.nat(4), { maxLength: 3 }).chain((shape) => {
          const bytes = shape.reduce((product, size) => product * size, dtypes[dtype].bytes)
          return fc
            .uint8Array({ minLength: bytes, maxLength: bytes })
            .map((data): TensorToWrite => ({ name, dtype, shape, data }))
        }),
      ),
    ),
  )

function dtypeNames() {
  return Object.keys(dtypes) as (keyof typeof dtypes)[]
}

test('what was written is read again, aligned, and the same bytes in any order', () => {
  const folder = temporaryFolder()
  const [file, again] = [join(folder, 'a.safetensors'), join(folder, 'b.safetensors')]
  fc.assert(
    fc.property(anyTensors, fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }), (tensors, metadata) => {
      writeSafetensors(file, tensors, metadata)
      const read = openSafetensors(file)
      expect(read.metadata).toEqual({ ...metadata })
      expect([...read.tensors.keys()].sort()).toEqual(tensors.map(({ name }) => name).sort())
      let first = true
      for (const span of read.tensors.values()) {
        if (first) expect(span.begin % 64).toBe(0)
        expect(span.begin % dtypes[span.dtype].bytes).toBe(0)
        first = false
      }
      for (const { name, dtype, shape, data } of tensors) {
        expect(read.tensors.get(name)).toMatchObject({ dtype, shape })
        const stored = read.read(name)
        expect(stored).toBeInstanceOf(dtypes[dtype].array)
        expect(new Uint8Array(stored.buffer)).toEqual(data)
      }
      writeSafetensors(again, tensors.toReversed(), metadata)
      expect(readFileSync(again).equals(readFileSync(file))).toBe(true)
    }),
    { numRuns: 60, seed: 1 },
  )
})

test('every floating-point dtype is widened, in chunks too', () => {
  const file = join(temporaryFolder(), 'floats.safetensors')
  const shape = [3]
  writeSafetensors(file, [
    { name: 'f64', dtype: 'F64', shape, data: Float64Array.of(0.1, -2, 1e300) },
    { name: 'f32', dtype: 'F32', shape, data: Float32Array.of(0.1, -2, 3e38) },
    { name: 'f16', dtype: 'F16', shape, data: Uint16Array.of(0x3c00, 0xc000, 0x7bff) },
    { name: 'bf16', dtype: 'BF16', shape, data: Uint16Array.of(0x3f80, 0xc000, 0x7f80) },
  ])
  const read = openSafetensors(file)
  expect(read.readFloat32('f64')).toEqual(Float32Array.of(0.1, -2, Infinity))
  expect(read.readFloat32('f32')).toEqual(Float32Array.of(0.1, -2, 3e38))
  expect(read.readFloat32('f16')).toEqual(Float32Array.of(1, -2, 65504))
  expect(read.readFloat32('bf16')).toEqual(Float32Array.of(1, -2, Infinity))
  expect([...read.float32Chunks('f32')]).toEqual([Float32Array.of(0.1, -2, 3e38)])
})

test('a large tensor is widened chunk by chunk without losing an element', () => {
  const length = 2 ** 23 + 12_345 //                                   one chunk of float16 and a part
  const file = join(temporaryFolder(), 'large.safetensors')
  const data = Uint16Array.from({ length }, (_, i) => (i * 7) % 0x7c00)
  writeSafetensors(file, [{ name: 'x', dtype: 'F16', shape: [length], data }])
  const widened = openSafetensors(file).readFloat32('x')
  const last = openSafetensors(file).read('x') as Uint16Array
  expect(Buffer.from(last.buffer).equals(Buffer.from(data.buffer))).toBe(true)
  expect(widened[length - 1]).toBeGreaterThan(0)
  expect(widened).toHaveLength(length)
})

test('a tensor beyond 4 GiB is read by byte range', () => {
  const file = join(temporaryFolder(), 'sparse.safetensors')
  const far = 2 ** 32 + 4096
  const header = {
    before: { dtype: 'U8', shape: [far], data_offsets: [0, far] },
    x: { dtype: 'F32', shape: [2], data_offsets: [far, far + 8] },
  }
  const start = safetensorsBytes(header, 0)
  writeFileSync(file, start)
  truncateSync(file, start.length + far + 8) //                        a hole: takes no space on the disk
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, new Uint8Array(Float32Array.of(1.5, -2.5).buffer), 0, 8, start.length + far)
  closeSync(descriptor)
  const read = openSafetensors(file)
  expect(read.tensors.get('x')?.begin).toBe(start.length + far)
  expect(read.readFloat32('x')).toEqual(Float32Array.of(1.5, -2.5))
})

test('a path through a link is resolved, as a mapping of the file needs it', () => {
  const folder = temporaryFolder()
  writeSafetensors(join(folder, 'blob'), [{ name: 'x', dtype: 'U8', shape: [1], data: Uint8Array.of(7) }])
  symlinkSync(join(folder, 'blob'), join(folder, 'model.safetensors'))
  const read = openSafetensors(join(folder, 'model.safetensors'))
  expect(read.files).toEqual([realpathSync(join(folder, 'blob'))])
  expect(read.tensors.get('x')?.path).toBe(realpathSync(join(folder, 'blob')))
})

test('a file that is missing, a folder or changed since is told in one line', () => {
  const folder = temporaryFolder()
  const file = join(folder, 'x.safetensors')
  expect(() => openSafetensors(file)).toThrow(/there is no such file/)
  expect(() => openSafetensors(folder)).toThrow(/is a folder/)
  writeSafetensors(file, [{ name: 'x', dtype: 'U8', shape: [1], data: Uint8Array.of(7) }])
  const read = openSafetensors(file)
  writeSafetensors(file, [{ name: 'longer', dtype: 'U8', shape: [1], data: Uint8Array.of(7) }])
  truncateSync(file, 20)
  expect(() => read.read('x')).toThrow(/was changed while it was in use/)
  expect(() => openSafetensors(file)).toThrow(/cut short/)
})

test('data of a wrong length and a doubled name are bugs, and leave the old file as it was', () => {
  const folder = temporaryFolder()
  const file = join(folder, 'x.safetensors')
  const x = { name: 'x', dtype: 'U8', shape: [1], data: Uint8Array.of(7) } as const
  writeSafetensors(file, [x])
  const before = readFileSync(file)
  expect(() => writeSafetensors(file, [{ ...x, shape: [2] }])).toThrow(/has 1 bytes of data instead of 2/)
  expect(() => writeSafetensors(file, [x, x])).toThrow(/two tensors are named x/)
  expect(readFileSync(file)).toEqual(before)
  expect(readdirSync(folder)).toEqual(['x.safetensors'])
})

test('a place that cannot be written is told in one line', () => {
  const folder = temporaryFolder()
  const x: TensorToWrite = { name: 'x', dtype: 'U8', shape: [1], data: Uint8Array.of(7) }
  const under = join(folder, 'missing', 'x.safetensors')
  expect(() => writeSafetensors(under, [x])).toThrow(
    new UserError(
      `${under}: cannot be written (its folder does not exist): make room or write to another place`,
    ),
  )
  writeFileSync(join(folder, 'file'), '')
  expect(() => writeSafetensors(join(folder, 'file', 'x'), [x])).toThrow(/a file has the place of its folder/)
})

test.runIf(process.platform === 'linux')('a full disk is told in one line and leaves nothing behind', () => {
  const folder = temporaryFolder()
  const file = join(folder, 'x.safetensors')
  writeFileSync(file, 'what was there')
  const ontoFullDisk = (temporary: string) => {
    symlinkSync('/dev/full', temporary)
    writeTensors(temporary, [{ name: 'x', dtype: 'U8', shape: [1], data: Uint8Array.of(7) }])
  }
  expect(() => makeAside(file, ontoFullDisk, 'make room')).toThrow(
    new UserError(`${file}: cannot be written (the disk is full): make room`),
  )
  expect(readdirSync(folder)).toEqual(['x.safetensors'])
  expect(readFileSync(file, 'utf8')).toBe('what was there')
  expect(existsSync('/dev/full')).toBe(true)
})
