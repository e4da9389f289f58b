/**
 * PyTorch's files before 1.6: pickles of a magic number, a version, the machine, the content and the storages' names,
 * then each storage's count of elements and its bytes.
 */
import { UserError } from '../../base/index.js'
import type { StableFile } from '../file.js'
import { damaged } from '../header.js'
import type { Content } from './archive.js'
import { pickleLimit, unpickle } from './pickle.js'
import { storageOf } from './storage.js'
import { is, quoted, type Storage, type Value } from './values.js'
import type { StoredBytes } from './zip.js'

const magicNumber = 0x1950a86a20f9469cfc6cn
const version = 1001
const countBytes = 8

/** @throws {UserError} another pickle; what is not sound, or more than weights */
export function readLegacy(file: StableFile): Content {
  const bytes = new Uint8Array(Math.min(file.bytes, pickleLimit))
  file.read(0, bytes)
  const storages = new Map<string, Storage>()
  let at = 0
  const next = (): Value => {
    const { value, end } = unpickle({ file: file.name, bytes, begin: at }, (id, pickle) => {
      const storage = storageOf(id, pickle)
      const known = storages.get(storage.key)
      if (known && known.wholeBytes !== storage.wholeBytes) throw pickle.damaged('a storage has two sizes')
      storages.set(storage.key, storage)
      return storage
    })
    at = end
    return value
  }
  if (next() !== magicNumber)
    throw new UserError(`${file.name}: is a pickle, but not PyTorch's: save a state_dict() with torch.save`)
  if (next() !== version) throw damaged(file.name, 'is of an unknown version of PyTorch')
  const machine = next()
  const bigEndian = is(machine, 'mapping') && machine.entries.get('little_endian') === false
  const root = next()
  const places = locateAll(file, next(), storages, at, bigEndian)
  return {
    root,
    bigEndian,
    locate(key) {
      const place = places.get(key)
      if (!place) throw damaged(file.name, `storage ${quoted(key)} is missing`)
      return place
    },
  }
}

/** Storages lie one behind the other, in the order of their names' list. */
function locateAll(
  file: StableFile,
  keys: Value,
  storages: ReadonlyMap<string, Storage>,
  begin: number,
  bigEndian: boolean,
): ReadonlyMap<string, StoredBytes> {
  if (!is(keys, 'list')) throw damaged(file.name, "has no list of its storages' names")
  const places = new Map<string, StoredBytes>()
  let at = begin
  for (const key of keys.items) {
    const storage = storages.get(String(key))
    if (!storage || places.has(storage.key)) throw damaged(file.name, 'lists a storage that it does not use')
    const count = new Uint8Array(countBytes)
    if (at + countBytes > file.bytes) throw damaged(file.name, 'is cut short')
    file.read(at, count)
    const elements = Number(new DataView(count.buffer).getBigInt64(0, !bigEndian))
    const bytes = storage.wholeBytes
    if (elements * storage.type.bytes !== bytes)
      throw damaged(
        file.name,
        `storage ${quoted(storage.key)} has ${elements} elements instead of its own number`,
      )
    if (at + countBytes + bytes > file.bytes) throw damaged(file.name, 'is cut short')
    places.set(storage.key, { begin: at + countBytes, bytes, crc: 0 })
    at += countBytes + bytes
  }
  return places
}
