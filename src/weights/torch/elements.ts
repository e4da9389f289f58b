/** PyTorch's element types, by the names that pickles give them. */
import type { Dtype } from '../dtype.js'
import type { ElementType } from './values.js'

/** Name of the dtype, bytes an element, safetensors' name, and the class of its typed storage. */
const rows: readonly (readonly [name: string, bytes: number, dtype?: Dtype | undefined, storage?: string])[] =
  [
    ['float64', 8, 'F64', 'DoubleStorage'],
    ['float32', 4, 'F32', 'FloatStorage'],
    ['float16', 2, 'F16', 'HalfStorage'],
    ['bfloat16', 2, 'BF16', 'BFloat16Storage'],
    ['int64', 8, 'I64', 'LongStorage'],
    ['int32', 4, 'I32', 'IntStorage'],
    ['int16', 2, 'I16', 'ShortStorage'],
    ['int8', 1, 'I8', 'CharStorage'],
    ['uint64', 8, 'U64'],
    ['uint32', 4, 'U32'],
    ['uint16', 2, 'U16'],
    ['uint8', 1, 'U8', 'ByteStorage'],
    ['bool', 1, 'BOOL', 'BoolStorage'],
    ['complex128', 16, undefined, 'ComplexDoubleStorage'],
    ['complex64', 8, undefined, 'ComplexFloatStorage'],
    ['complex32', 4],
    ['float8_e4m3fn', 1],
    ['float8_e4m3fnuz', 1],
    ['float8_e5m2', 1],
    ['float8_e5m2fnuz', 1],
    ['float8_e8m0fnu', 1],
  ]

const typed = rows.map(([name, bytes, dtype, storage]) => ({
  type: { name, bytes, ...(dtype === undefined ? {} : { dtype }) } satisfies ElementType,
  storage,
}))

/** Bytes that get their type from each tensor. */
const untyped: ElementType = { name: 'untyped', bytes: 1 }

/** By full name: dtypes, and the classes of storages on any device. */
export const elementTypes: ReadonlyMap<string, ElementType> = new Map([
  ...typed.map(({ type }) => [`torch.${type.name}`, type] as const),
  ...typed.flatMap(({ type, storage }) =>
    storage === undefined
      ? []
      : (['torch', 'torch.cuda'] as const).map((place) => [`${place}.${storage}`, type] as const),
  ),
  ['torch.storage.UntypedStorage', untyped],
  ['torch.storage._UntypedStorage', untyped],
])
