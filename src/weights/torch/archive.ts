/** PyTorch's files since 1.6, and TorchScript's: a zip file with a pickle, and a stored entry for each storage. */
import type { StableFile } from '../file.js'
import { damaged } from '../header.js'
import { pickleLimit, unpickle } from './pickle.js'
import { storageOf } from './storage.js'
import { quoted, type Value } from './values.js'
import { checkSum, openZip, type StoredBytes, type Zip } from './zip.js'

/** What is in a file of PyTorch's: a tree of values, and where its storages' bytes lie. */
export interface Content {
  readonly root: Value
  /** @throws {UserError} the storage is missing, packed or shorter than the pickle says */
  locate(key: string, bytes: number): StoredBytes
  readonly bigEndian: boolean
}

/** @throws {UserError} what is not sound, or more than weights */
export function readArchive(file: StableFile): Content {
  const zip = openZip(file)
  const folder = folderOf(zip, file)
  const source = { file: file.name, bytes: readEntry(file, zip, `${folder}data.pkl`, pickleLimit), begin: 0 }
  const { value } = unpickle(source, (id, pickle) => storageOf(id, pickle))
  return {
    root: value,
    bigEndian: byteOrder(file, zip, `${folder}byteorder`) === 'big',
    locate(key, bytes) {
      const found = zip.locate(`${folder}data/${key}`)
      if (found.bytes !== bytes)
        throw damaged(file.name, `storage ${quoted(key)} has ${found.bytes} bytes instead of ${bytes}`)
      return found
    },
  }
}

/** All entries lie in one folder, whatever its name. */
function folderOf(zip: Zip, file: StableFile): string {
  const pickles = zip.names.filter((name) => /^[^/]*\/data\.pkl$/.test(name))
  if (pickles.length !== 1)
    throw damaged(
      file.name,
      `is a zip file with ${pickles.length} PyTorch checkpoints (FOLDER/data.pkl) inside`,
    )
  return pickles[0]!.slice(0, -'data.pkl'.length)
}

function readEntry(file: StableFile, zip: Zip, name: string, limit: number): Uint8Array {
  const place = zip.locate(name)
  if (place.bytes > limit)
    throw damaged(file.name, `${quoted(name)} takes ${place.bytes} bytes, more than is read`)
  checkSum(file, place, quoted(name))
  const bytes = new Uint8Array(place.bytes)
  file.read(place.begin, bytes)
  return bytes
}

/** Of the machine that saved the file; earlier versions of PyTorch didn't say, and were little-endian. */
function byteOrder(file: StableFile, zip: Zip, name: string): string {
  if (!zip.has(name)) return 'little'
  const order = new TextDecoder().decode(readEntry(file, zip, name, 'little'.length))
  if (order !== 'little' && order !== 'big') throw damaged(file.name, `has the byte order ${quoted(order)}`)
  return order
}
