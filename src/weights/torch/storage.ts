/** How pickles refer to the bytes of tensors, which lie elsewhere in the file. */
import { is, type Pickle, type Storage, type Value } from './values.js'

/** `('storage', class, key, device, elements)`, and in old files `(view key, begin, elements)` or None behind it. */
export function storageOf(id: Value, pickle: Pickle): Storage {
  const wrong = (what: string) => pickle.damaged(`a storage has no proper ${what}`)
  if (!is(id, 'tuple') || id.items[0] !== 'storage') throw wrong('name')
  const [, storageClass, rawKey, , elements, part] = id.items
  if (!is(storageClass, 'global') || !storageClass.meaning.type) throw wrong('type')
  const key = typeof rawKey === 'number' ? String(rawKey) : rawKey
  if (typeof key !== 'string') throw wrong('name')
  const { type } = storageClass.meaning
  const [first, count] = is(part, 'tuple') ? part.items.slice(1) : [0, elements]
  const [wholeBytes, begin, bytes] = [elements, first, count].map((size) => {
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw wrong('size')
    return size * type.bytes
  }) as [number, number, number]
  if (begin + bytes > wholeBytes || wholeBytes > Number.MAX_SAFE_INTEGER) throw wrong('size')
  return { kind: 'storage', key, type, begin, bytes, wholeBytes }
}
