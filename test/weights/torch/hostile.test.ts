/** A checkpoint may be made by anybody: it is refused in one line, and nothing that it asks for is done. */
import { existsSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { UserError } from '../../../src/base/index.js'
import { openTorch } from '../../../src/weights/torch/open.js'
import {
  bytesOf,
  deflated,
  type Entry,
  entriesOf,
  entry,
  fileOf,
  ints,
  op,
  storage,
  tensor,
  values,
  zipOf,
} from '../../support/torch.js'
import { temporaryFolder } from '../../support/weights.js'

/** What a file is refused for: one short line of ours. */
function refusal(bytes: Uint8Array, read: (path: string) => unknown = openTorch): string {
  const path = fileOf(bytes)
  try {
    read(path)
  } catch (error) {
    expect(error).toBeInstanceOf(UserError)
    const { message } = error as UserError
    expect(message).toMatch(/^[ -~’…–]+$/)
    expect(message.length).toBeLessThan(600)
    return message.replace(`${path}: `, '')
  }
  throw new Error('it was not refused')
}

const refusedPickle = (...pieces: Parameters<typeof entriesOf>[0]) => refusal(zipOf(entriesOf(pieces)))

test('a sound file made in the same way is read', () => {
  const file = openTorch(fileOf(zipOf(entriesOf([entry(tensor())]))))
  expect([...file.tensors.keys()]).toEqual(['a'])
  expect(file.read('a')).toEqual(values)
})

describe('a name that weights have no need for is refused, and not run', () => {
  const call = (module: string, name: string, argument = 'touch PWNED') => [
    ...[op.global(module, name), op.mark, op.text(argument), op.tuple, op.reduce],
  ]

  test.each([
    ['os', 'system'],
    ['posix', 'system'],
    ['builtins', 'eval'],
    ['builtins', 'getattr'],
    ['torch', 'load'],
    ['torch.hub', 'load_state_dict_from_url'],
    ['torch._utils', '_rebuild_sparse_tensor'],
    ['numpy.core.multiarray', '_reconstruct'],
    ['collections', 'OrderedDict.__init__'],
    ['__torch__x', 'Model'],
    ['constructor', 'prototype'],
  ])('%s.%s', (module, name) => {
    expect(refusedPickle(...call(module, name))).toContain(
      `asks for ${module}.${name}, which weights have no need`,
    )
  })

  test('among tensors, and by the other ways to name and to call', () => {
    const system = op.global('os', 'system')
    expect(refusedPickle(op.dict, op.text('a'), tensor(), op.setItem, op.text('b'), system)).toContain(
      'os.system',
    )
    expect(refusedPickle(op.text('os'), op.text('system'), '\x93')).toContain('os.system')
    expect(refusedPickle(op.text('os system'), '\x93')).toMatch(/takes what is not there/)
    expect(refusedPickle(op.int(1), op.int(2), '\x93')).toMatch(/no proper name/)
    expect(refusedPickle('(ios\nsystem\n')).toMatch(/operation 0x69/)
    expect(refusedPickle('\x82\x01')).toMatch(/operation 0x82/)
    expect(existsSync('PWNED')).toBe(false)
  })

  test('what is known may still not be called, made or given a state', () => {
    const float = op.global('torch', 'float32')
    expect(refusedPickle(float, op.empty, op.reduce)).toContain('a call of torch.float32')
    expect(refusedPickle(op.global('__torch__', 'A'), op.empty, op.reduce)).toContain('a call of __torch__.A')
    expect(refusedPickle(float, op.empty, op.create)).toContain('an object of torch.float32')
    expect(refusedPickle(op.text('x'), op.empty, op.reduce)).toMatch(/calls something that is no function/)
    expect(refusedPickle(op.text('x'), op.empty, op.create)).toMatch(/something that is no class/)
    expect(refusedPickle(tensor(), op.dict, op.build)).toContain('the state of a tensor')
    expect(refusedPickle(float, op.dict, op.build)).toContain('the state of torch.float32')
    const rebuild = op.global('torch._tensor', '_rebuild_from_type_v2')
    const tagged = (maker: string, type: string) =>
      refusedPickle(rebuild, op.mark, maker, type, op.empty, op.none, op.tuple, op.reduce)
    expect(tagged(op.global('torch', 'Size'), op.global('torch', 'Tensor'))).toContain('torch.Size')
    expect(tagged(op.global('torch._utils', '_rebuild_tensor'), float)).toContain('torch.float32')
  })

  test('names are shown short, on one line, without control characters', () => {
    const name = `a\u001b[31m\u202e${'b'.repeat(10_000)}`
    expect(refusedPickle(op.text('os'), op.text(name), '\x93')).toMatch(
      /asks for os\.a\\u001b\[31m\?b+…, which/,
    )
  })
})

describe('a pickle that makes no sense is refused', () => {
  const damaged = /: download it again$/
  test.each<[string, Parameters<typeof entriesOf>[0], RegExp]>([
    ['taking from nothing', [op.setItem], /takes what is not there/],
    ['taking from below a mark', [op.dict, op.mark, op.setItem], /takes what is not there/],
    ['closing no mark', [op.tuple], /takes what is not there/],
    ['recalling what was never kept', [op.get(7)], /takes what is not there/],
    ['text longer than the file', ['X\xff\xff\xff\xff', 'a'], /cut short/],
    ['text of 2⁶³ bytes', ['\x8d\xff\xff\xff\xff\xff\xff\xff\x7f'], /cut short/],
    ['a number of 4 GB', ['\x8b\xff\xff\xff\xff'], /an integer of 4294967295 bytes/],
    ['a name without an end', ['cos'], /cut short/],
    ['text that is not UTF-8', ['X\x01\x00\x00\x00\xff'], /not UTF-8/],
    ['an unknown operation', ['\x00'], /operation 0x0,/],
    ['adding to a tuple', [op.empty, op.none, op.append], /no list/],
    ['a key without a value', [op.dict, op.mark, op.none, op.setItems], /no dictionary/],
    ['a call without arguments', [op.global('torch', 'device'), op.none, op.reduce], /no arguments/],
    ['a set of nothing', [op.global('builtins', 'set'), op.empty, op.reduce], /lacks its argument/],
    [
      'a dictionary of numbers',
      [op.global('collections', 'OrderedDict'), op.mark, ints(1), op.tuple, op.reduce],
      /a dictionary is made of something else/,
    ],
    ['a storage without a name', [op.none, op.persistent], /no proper name/],
    [
      'a storage of no type',
      [op.mark, op.text('storage'), op.none, op.tuple, op.persistent],
      /no proper type/,
    ],
    ['a storage of −1 elements', [storage(op.int(-1))], /no proper size/],
    ['a storage of 1.5 elements', [storage(op.float(1.5))], /no proper size/],
    ['a storage of 10³⁰⁰ elements', [storage(op.float(1e300))], /no proper size/],
  ])('%s', (_, pieces, message) => {
    const told = refusedPickle(...pieces)
    expect(told).toMatch(message)
    expect(told).toMatch(damaged)
  })

  test.each<[string, Parameters<typeof tensor>[0], RegExp]>([
    ['without a storage', { of: op.none }, /has no storage/],
    ['beyond its storage', { shape: ints(5) }, /reaches beyond its storage/],
    ['beyond its storage by its offset', { offset: op.int(1) }, /reaches beyond its storage/],
    [
      'beyond its storage by its strides',
      { shape: ints(2, 2), strides: ints(3, 1) },
      /reaches beyond its storage/,
    ],
    ['of −1 rows', { shape: ints(-1) }, /no whole number from 0/],
    ['with a stride of −1', { strides: ints(-1) }, /no whole number from 0/],
    ['with more strides than sizes', { strides: ints(1, 1) }, /other strides than sizes/],
    [
      'of 65 dimensions',
      { shape: ints(...Array(65).fill(1)), strides: ints(...Array(65).fill(1)) },
      /proper shape/,
    ],
    ['of 2⁶⁰ elements', { shape: ints(2 ** 30, 2 ** 30), strides: ints(0, 0) }, /larger than can be/],
    [
      'of 0 · ∞ elements',
      { shape: ints(...Array(63).fill(2 ** 30), 0), strides: ints(...Array(64).fill(0)) },
      /larger/,
    ],
    [
      'of 2³⁰ times one element',
      { shape: ints(2 ** 30), strides: ints(0) },
      /would take 4294967296 bytes, out of a file/,
    ],
  ])('a tensor %s', (_, pieces, message) => {
    expect(refusedPickle(entry(tensor(pieces)))).toMatch(message)
  })
})

describe('what would take for ever ends soon', () => {
  test('dictionaries in dictionaries, a thousand deep, or in themselves', () => {
    const nested = Array.from({ length: 1000 }, () => [op.dict, op.text('a')]).flat()
    expect(refusedPickle(...nested, tensor(), ...Array(1000).fill(op.setItem))).toMatch(
      /nested more than 100 deep/,
    )
    expect(refusedPickle(op.dict, op.put(0), op.text('a'), op.get(0), op.setItem)).toMatch(/is in itself/)
  })

  test('a module in itself', () => {
    const made = [op.global('__torch__', 'A'), op.empty, op.create, op.put(0)]
    expect(refusedPickle(...made, entry(op.get(0)), op.build)).toMatch(/is in itself/)
  })

  test('2⁶⁰ tensors out of sixty dictionaries', () => {
    const levels = Array.from({ length: 60 }, (_, i) => [
      ...[op.dict, op.text('a'), op.get(i), op.setItem, op.text('b'), op.get(i), op.setItem, op.put(i + 1)],
    ]).flat()
    expect(refusedPickle(entry(tensor()), op.put(0), ...levels)).toMatch(/more than 1048576 names/)
  })

  test('2¹⁰⁰ lists in lists, which nobody looks into', () => {
    const levels = Array.from({ length: 100 }, (_, i) => [
      ...[op.list, op.get(i), op.append, op.get(i), op.append, op.put(i + 1), '0'],
    ]).flat()
    const file = fileOf(
      zipOf(
        entriesOf([
          op.dict,
          op.text('a'),
          tensor(),
          op.setItem,
          op.text('l'),
          op.list,
          op.put(0),
          '0',
          ...levels,
          op.get(100),
          op.setItem,
        ]),
      ),
    )
    expect([...openTorch(file).tensors.keys()]).toEqual(['a'])
  })

  test('a list copied again and again', () => {
    const pairs = bytesOf(Array.from({ length: 100_000 }, () => bytesOf(['K\x01', 'K\x02', '\x86'])))
    const copy = [op.global('collections', 'OrderedDict'), op.get(0), '\x85', op.reduce, '0']
    const copies = Array.from({ length: 1000 }, () => copy).flat()
    expect(refusedPickle(op.list, op.put(0), op.mark, pairs, 'e', ...copies)).toMatch(
      /more than 8000000 steps/,
    )
  })

  test('names of half a megabyte', () => {
    expect(refusedPickle(entry(tensor(), op.text('a'.repeat(500_000))))).toMatch(
      /a name of 500000 characters/,
    )
  })

  test('the same bytes under many names', () => {
    const data = new Uint8Array(2 ** 20)
    const wide = (offset: number) =>
      tensor({ of: storage(op.int(2 ** 18)), offset: op.int(offset), shape: ints(2 ** 17) })
    const items = Array.from({ length: 100 }, (_, i) => [op.text(`${i}`), wide(i), op.setItem]).flat()
    expect(refusal(zipOf(entriesOf([op.dict, ...items], data)))).toMatch(/would take 52428800 bytes/)
  })
})

describe('a zip file that is not what it says is refused', () => {
  const [pickle, data] = entriesOf([entry(tensor())]) as [Entry, Entry]
  const readAll = (path: string) => openTorch(path).read('a')
  const withData = (claims: Entry['claims'], bytes = data.data) => [
    pickle,
    { ...data, data: bytes, claims: claims! },
  ]

  test.each<[string, readonly Entry[], RegExp]>([
    ['no pickle', [data], /with 0 PyTorch checkpoints/],
    ['two pickles', [pickle, { ...pickle, name: 'y/data.pkl' }], /with 2 PyTorch checkpoints/],
    ['an entry twice', [pickle, pickle], /has "x\/data\.pkl" twice/],
    ['a storage that is missing', [pickle], /has no "x\/data\/0" inside/],
    ['a storage that is elsewhere', [pickle, { ...data, name: '../data/0' }], /has no "x\/data\/0" inside/],
    [
      'a storage that is too short',
      [pickle, { ...data, data: new Uint8Array(12) }],
      /has 12 bytes instead of 16/,
    ],
    [
      'a compressed storage',
      withData({ method: 8, bytes: 2 ** 30 }, deflated(new Uint8Array(2 ** 20))),
      /is compressed/,
    ],
    ['an encrypted storage', withData({ flags: 0x809 }), /is encrypted/],
    ['a wrong checksum', withData({ crc: 1 }), /checksum of storage "0" is wrong/],
    [
      'a wrong checksum of the pickle',
      [{ ...pickle, claims: { crc: 1 } }, data],
      /checksum of "x\/data\.pkl"/,
    ],
    ['a storage beyond the file', withData({ begin: 0x7fffffff }), /reaches into what follows/],
    ['a storage upon the pickle', withData({ begin: 0 }), /reaches into what follows/],
    [
      'a storage larger than the file',
      withData({ packedBytes: 0x7fffffff, bytes: 0x7fffffff }),
      /into what follows/,
    ],
    ['a storage of other sizes', withData({ packedBytes: 12 }), /not where its directory says/],
    [
      'an entry that begins elsewhere',
      withData({ begin: 200, bytes: 0, packedBytes: 0 }),
      /not where its directory says/,
    ],
    [
      'an unknown byte order',
      [pickle, data, { name: 'x/byteorder', data: Buffer.from('middle') }],
      /the byte order "middle"/,
    ],
  ])('%s', (_, entries, message) => {
    expect(refusal(zipOf(entries), readAll)).toMatch(message)
    expect(refusal(zipOf(entries, { large: true }), readAll)).toMatch(message)
  })

  test('cut short anywhere, or with any byte of its directory changed', () => {
    const whole = zipOf([pickle, data])
    for (let bytes = 0; bytes < whole.length; bytes++) refusal(whole.subarray(0, bytes))
    const directory = whole.indexOf('PK\x01\x02', 'latin1')
    for (let at = directory; at < whole.length; at++) {
      const changed = Buffer.from(whole)
      changed[at] = changed[at]! ^ 0xff
      const path = fileOf(changed)
      try {
        expect(openTorch(path).read('a')).toEqual(values)
      } catch (error) {
        expect(error).toBeInstanceOf(UserError)
      }
    }
  })

  test('a pickle larger than any', () => {
    const path = join(temporaryFolder(), 'large.pt')
    const empty = zipOf([{ name: 'x/data.pkl', data: new Uint8Array(0) }])
    writeFileSync(path, empty)
    const large = zipOf([{ name: 'x/data.pkl', data: new Uint8Array(2 ** 26 + 1) }])
    expect(refusal(large)).toMatch(/takes 67108865 bytes, more than is read/)
    truncateSync(path, 3)
    expect(() => openTorch(path)).toThrow(/is no checkpoint/)
  })
})
