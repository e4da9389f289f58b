/** Bytes of zip files and pickles, sound or not, for what PyTorch itself would never write. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { crc32, deflateRawSync } from 'node:zlib'
import { temporaryFolder } from './weights.js'

/** A file that PyTorch made: scripts/make-torch-fixtures.py. */
export const fixture = (name: string): string =>
  fileURLToPath(new URL(`../weights/torch/fixtures/${name}`, import.meta.url))

export interface Entry {
  readonly name: string
  readonly data: Uint8Array
  /** What the directory says instead of the truth. */
  readonly claims?: {
    readonly method?: number
    readonly flags?: number
    readonly crc?: number
    readonly bytes?: number
    readonly packedBytes?: number
    readonly begin?: number
  }
}

const u16 = (value: number) => Buffer.from(Uint16Array.of(value).buffer)
const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer)
const u64 = (value: number) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer)

/** A zip file of stored entries. @param large whether sizes and places stand in zip64 fields */
export function zipOf(entries: readonly Entry[], { large = false, comment = '' } = {}): Buffer {
  const [locals, directory]: [Buffer[], Buffer[]] = [[], []]
  let at = 0
  for (const { name, data, claims = {} } of entries) {
    const { method = 0, flags = 0x808, crc = crc32(data), bytes = data.length } = claims
    const { packedBytes = data.length, begin = at } = claims
    const local = Buffer.concat([
      ...[u32(0x04034b50), u16(0), u16(flags), u16(method), u32(0), u32(crc), u32(packedBytes), u32(bytes)],
      ...[u16(name.length), u16(0), Buffer.from(name), data],
    ])
    const extra = large
      ? Buffer.concat([u16(1), u16(24), u64(bytes), u64(packedBytes), u64(begin)])
      : Buffer.alloc(0)
    const short = (value: number) => u32(large ? 0xffffffff : value)
    directory.push(
      ...[
        u32(0x02014b50),
        u16(0),
        u16(0),
        u16(flags),
        u16(method),
        u32(0),
        u32(crc),
        short(packedBytes),
        short(bytes),
      ],
      ...[
        u16(name.length),
        u16(extra.length),
        u16(0),
        u16(0),
        u16(0),
        u32(0),
        short(begin),
        Buffer.from(name),
        extra,
      ],
    )
    locals.push(local)
    at += local.length
  }
  const central = Buffer.concat(directory)
  const count = entries.length
  const end64 = Buffer.concat([
    ...[
      u32(0x06064b50),
      u64(44),
      u16(0),
      u16(0),
      u32(0),
      u32(0),
      u64(count),
      u64(count),
      u64(central.length),
      u64(at),
    ],
    ...[u32(0x07064b50), u32(0), u64(at + central.length), u32(1)],
  ])
  const end = Buffer.concat([
    ...[u32(0x06054b50), u16(0), u16(0), u16(large ? 0xffff : count), u16(large ? 0xffff : count)],
    ...[
      u32(large ? 0xffffffff : central.length),
      u32(large ? 0xffffffff : at),
      u16(comment.length),
      Buffer.from(comment),
    ],
  ])
  return Buffer.concat([...locals, central, ...(large ? [end64] : []), end])
}

export const deflated = (data: Uint8Array): Buffer => deflateRawSync(data)

type Piece = Uint8Array | string

/** Operations of the pickle machine. Text stands for its bytes. */
export const op = {
  proto: '\x80\x02',
  stop: '.',
  mark: '(',
  dict: '}',
  list: ']',
  none: 'N',
  false: '\x89',
  empty: ')',
  tuple: 't',
  reduce: 'R',
  build: 'b',
  create: '\x81',
  append: 'a',
  setItem: 's',
  setItems: 'u',
  persistent: 'Q',
  global: (module: string, name: string) => `c${module}\n${name}\n`,
  text: (text: string) => Buffer.concat([Buffer.from('X'), u32(Buffer.byteLength(text)), Buffer.from(text)]),
  int: (value: number) => Buffer.concat([Buffer.from('J'), Buffer.from(Int32Array.of(value).buffer)]),
  float: (value: number) =>
    Buffer.concat([Buffer.from('G'), Buffer.from(Float64Array.of(value).buffer).reverse()]),
  put: (index: number) => Buffer.concat([Buffer.from('r'), u32(index)]),
  get: (index: number) => Buffer.concat([Buffer.from('j'), u32(index)]),
} as const

export function bytesOf(pieces: readonly Piece[]): Buffer {
  return Buffer.concat(
    pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)),
  )
}

export const ints = (...values: readonly number[]): Buffer =>
  bytesOf([op.mark, ...values.map(op.int), op.tuple])

/** A storage; of float32, unless it is of another class. */
export const storage = (elements: Piece = op.int(4), key = '0', type = 'FloatStorage'): Buffer =>
  bytesOf([
    ...[op.mark, op.text('storage'), op.global('torch', type), op.text(key), op.text('cpu'), elements],
    ...[op.tuple, op.persistent],
  ])

interface TensorPieces {
  readonly of?: Piece
  readonly offset?: Piece
  readonly shape?: Piece
  readonly strides?: Piece
}

export const tensor = ({ of, offset, shape, strides }: TensorPieces = {}): Buffer =>
  bytesOf([
    ...[op.global('torch._utils', '_rebuild_tensor_v2'), op.mark, of ?? storage(), offset ?? op.int(0)],
    ...[
      shape ?? ints(4),
      strides ?? ints(1),
      op.false,
      op.global('collections', 'OrderedDict'),
      op.empty,
      op.reduce,
    ],
    ...[op.tuple, op.reduce],
  ])

/** A dictionary with one entry. */
export const entry = (value: Piece, key: Piece = op.text('a')): Buffer =>
  bytesOf([op.dict, key, value, op.setItem])

export const values = Float32Array.of(1, 2, 3, 4)

/** A sound checkpoint's entries, but for what is given. */
export function entriesOf(
  pieces: readonly Piece[],
  data: Uint8Array = new Uint8Array(values.buffer),
): Entry[] {
  return [
    { name: 'x/data.pkl', data: bytesOf([op.proto, ...pieces, op.stop]) },
    { name: 'x/data/0', data },
  ]
}

/** A file with these bytes, that is gone when the test ends. */
export function fileOf(bytes: Uint8Array, name = 'file.pt'): string {
  const path = join(temporaryFolder(), name)
  writeFileSync(path, bytes)
  return path
}

/** Bytes of the file that torch.save makes of a state dict, with storages of these classes. */
export function stateDictBytes(
  tensors: readonly {
    readonly name: string
    readonly storageClass: string
    readonly shape: readonly number[]
    readonly data: NodeJS.TypedArray
  }[],
): Buffer {
  const pickle = tensors.flatMap(({ name, storageClass, shape, data }, i) => {
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1))
    const of = storage(op.int(data.length), String(i), storageClass)
    return [op.text(name), tensor({ of, shape: ints(...shape), strides: ints(...strides) }), op.setItem]
  })
  return zipOf([
    { name: 'x/data.pkl', data: bytesOf([op.proto, op.dict, ...pickle, op.stop]) },
    ...tensors.map(({ data }, i) => ({
      name: `x/data/${i}`,
      data: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    })),
  ])
}
