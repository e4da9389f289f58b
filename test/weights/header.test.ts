import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import { readHeader } from '../../src/weights/header.js'
import { safetensorsBytes } from '../support/weights.js'

const entry = (dtype: string, shape: readonly number[], begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
})
const sound = { __metadata__: { format: 'pt' }, b: entry('F32', [2, 3], 0, 24), a: entry('I64', [], 24, 32) }

/** The file as a whole, and its error. */
function read(bytes: Uint8Array, fileBytes = bytes.length) {
  return readHeader(bytes, fileBytes, 'x.safetensors')
}

test('a sound header gives spans by byte offset of the file', () => {
  const bytes = safetensorsBytes(sound, 32)
  const start = bytes.length - 32
  expect(read(bytes)).toEqual({
    metadata: { format: 'pt' },
    spans: [
      { name: 'b', dtype: 'F32', shape: [2, 3], begin: start, end: start + 24 },
      { name: 'a', dtype: 'I64', shape: [], begin: start + 24, end: start + 32 },
    ],
  })
})

test('tensors without elements, blanks after the header and unknown fields are fine', () => {
  const header = { e: entry('F32', [0, 4], 0, 0), f: { ...entry('U8', [1], 0, 1), more: true } }
  expect(read(safetensorsBytes(`${JSON.stringify(header)}   `, 1)).spans.map((span) => span.name)).toEqual([
    'e',
    'f',
  ])
})

const broken: readonly [title: string, bytes: Uint8Array, message: RegExp][] = [
  ['an empty file', new Uint8Array(0), /cut short or empty \(0 bytes\)/],
  ['a length alone that is cut', new Uint8Array(7), /cut short or empty/],
  [
    'a header longer than the file',
    safetensorsBytes(sound, 32).subarray(0, 60),
    /cut short: its header has \d+ bytes/,
  ],
  [
    'a header longer than the format allows',
    Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 123, 125),
    /not a safetensors file/,
  ],
  [
    'a pointer of Git LFS',
    new TextEncoder().encode('version https://git-lfs.github.com/spec/v1'),
    /git lfs pull/,
  ],
  ['a header that is not JSON', safetensorsBytes('{"a":', 0), /header is not JSON/],
  ['a header that is not UTF-8', safetensorsBytes(sound, 32).with(11, 0xff), /header is not JSON/],
  ['a header that is a list', safetensorsBytes('[]', 0), /not a JSON object/],
  [
    'a name that comes twice',
    safetensorsBytes('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}, "\\u0061" :{}}', 0),
    /names "a" twice/,
  ],
  [
    'a field that comes twice',
    safetensorsBytes('{"a":{"dtype":"U8","shape":[0],"dtype":"U8","data_offsets":[0,0]}}', 0),
    /names "dtype" twice/,
  ],
  ['metadata that is not text', safetensorsBytes({ __metadata__: { a: 1 } }, 0), /__metadata__/],
  ['an entry that is no object', safetensorsBytes({ a: 3 }, 0), /entry of tensor "a"/],
  ['no shape', safetensorsBytes({ a: { dtype: 'U8', data_offsets: [0, 0] } }, 0), /shape of tensor "a"/],
  ['a negative size', safetensorsBytes({ a: entry('U8', [-1], 0, 0) }, 0), /shape\.0 of tensor "a"/],
  ['a broken offset', safetensorsBytes({ a: entry('U8', [1], 0, 0.5) }, 1), /data_offsets\.1 of tensor "a"/],
  [
    'an offset beyond 2^53',
    safetensorsBytes({ a: entry('U8', [1], 0, 2 ** 60) }, 1),
    /data_offsets\.1 of tensor "a"/,
  ],
  [
    'an unknown dtype',
    safetensorsBytes({ a: entry('Q4', [1], 0, 1) }, 1),
    /unknown dtype "Q4": save it as one of F64, F32/,
  ],
  [
    'a length unlike the shape',
    safetensorsBytes({ a: entry('F32', [2, 3], 0, 20) }, 20),
    /"a" \(F32, \[2, 3\]\) takes 24 bytes but its offsets span 20/,
  ],
  ['offsets that go backwards', safetensorsBytes({ a: entry('U8', [1], 1, 0) }, 1), /offsets span -1/],
  [
    'sizes whose product overflows',
    safetensorsBytes({ a: entry('U8', [2 ** 52, 2 ** 52], 0, 8) }, 8),
    /takes .* bytes/,
  ],
  [
    'an overlap',
    safetensorsBytes({ a: entry('U8', [4], 0, 4), b: entry('U8', [4], 3, 7) }, 7),
    /"b" overlaps/,
  ],
  [
    'a gap',
    safetensorsBytes({ a: entry('U8', [4], 0, 4), b: entry('U8', [4], 5, 9) }, 9),
    /gap of 1 bytes before tensor "b"/,
  ],
  [
    'a gap at the start',
    safetensorsBytes({ a: entry('U8', [4], 4, 8) }, 8),
    /gap of 4 bytes before tensor "a"/,
  ],
  [
    'a file that is cut',
    safetensorsBytes(sound, 31),
    /cut short: tensor "a" ends at byte \d+, the file at \d+: download it again/,
  ],
  ['bytes after the last tensor', safetensorsBytes(sound, 33), /1 bytes that belong to no tensor/],
]

describe('is refused with one line that names the file', () => {
  test.each(broken)('%s', (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(message)
    expect(() => read(bytes)).toThrow(/^x\.safetensors: .*[^\n]$/)
    expect(() => read(bytes)).toThrow(UserError)
  })
})

test('a changed byte anywhere gives a sound header or a UserError, never another error', () => {
  const bytes = safetensorsBytes(sound, 32)
  const headerBytes = bytes.length - 32
  fc.assert(
    fc.property(fc.nat(headerBytes - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      try {
        const { spans } = read(bytes.with(at, bytes[at]! ^ flip))
        for (const { begin, end } of spans) expect(begin >= 8 && end <= bytes.length).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(UserError)
      }
    }),
    { numRuns: 3000, seed: 1 },
  )
})

test('a large header is no burden', () => {
  const names = Array.from({ length: 20_000 }, (_, i) => [`layer.${i}.weight`, entry('U8', [0], 0, 0)])
  const header = { __metadata__: { long: 'x"\\'.repeat(1e6) }, ...Object.fromEntries(names) }
  expect(read(safetensorsBytes(header, 0)).spans).toHaveLength(20_000)
})
