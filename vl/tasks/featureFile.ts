/**
 * Features of many pictures in one file, read by position: a header of Uint32, little-endian (magic, layout, pictures,
 * positions, width, then a CRC-32 for each picture and one of all that), padded to 64 bytes; then float32 [pictures,
 * positions, width].
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { UserError } from '../../src/base/index.js'

export interface FeatureShape {
  readonly pictures: number
  readonly positions: number
  readonly featDim: number
}

const magic = 0x46544c56 // VLTF
/** To be raised when this layout changes. */
const layout = 1
const fixedWords = 5

const pictureBytes = ({ positions, featDim }: FeatureShape) => positions * featDim * 4
const headerBytes = ({ pictures }: FeatureShape) => Math.ceil((4 * (fixedWords + pictures + 1)) / 64) * 64

/**
 * Writes a file as features come.
 *
 * @param batches features of one or more pictures each, all in order
 * @throws {Error} more or fewer pictures than the shape says
 */
export async function writeFeatures(
  path: string,
  shape: FeatureShape,
  batches: AsyncIterable<Float32Array>,
): Promise<void> {
  const bytes = pictureBytes(shape)
  const checksums: number[] = []
  const file = await open(path, 'w')
  try {
    for await (const features of batches) {
      const data = bytesOf(features)
      const from = headerBytes(shape) + checksums.length * bytes
      for (let at = 0; at < data.length; at += bytes) checksums.push(crc32(data.subarray(at, at + bytes)))
      await writeFully(file, data, from)
    }
    if (checksums.length !== shape.pictures)
      throw new Error(`features of ${checksums.length} pictures, not ${shape.pictures}`)
    await writeFully(file, headerOf(shape, checksums), 0)
  } finally {
    await file.close()
  }
}

function headerOf(shape: FeatureShape, checksums: readonly number[]): Uint8Array {
  const header = new Uint32Array(headerBytes(shape) / 4)
  header.set([magic, layout, shape.pictures, shape.positions, shape.featDim, ...checksums])
  const end = fixedWords + shape.pictures
  header[end] = crc32(bytesOf(header.subarray(0, end)))
  return bytesOf(header)
}

/** Whether the file is whole and holds features of this shape: every byte is read. */
export async function isSoundFeatureFile(path: string, shape: FeatureShape): Promise<boolean> {
  const file = await open(path, 'r')
  try {
    const [start, bytes] = [headerBytes(shape), pictureBytes(shape)]
    if ((await file.stat()).size !== start + shape.pictures * bytes) return false
    const header = new Uint32Array(start / 4)
    await readFully(file, bytesOf(header), 0)
    const checksums = [...header.subarray(fixedWords, fixedWords + shape.pictures)]
    if (Buffer.compare(bytesOf(header), headerOf(shape, checksums)) !== 0) return false
    const picture = new Uint8Array(bytes)
    for (const [i, checksum] of checksums.entries()) {
      await readFully(file, picture, start + i * bytes)
      if (crc32(picture) !== checksum) return false
    }
    return true
  } finally {
    await file.close()
  }
}

/**
 * Features of one picture of a sound file. Blocks: while a network trains, each wait for another thread costs more than
 * these few system calls.
 *
 * @throws {UserError} the file was removed or cut while it was in use
 */
export function readFeatures(path: string, shape: FeatureShape, index: number): Float32Array {
  const features = new Float32Array(shape.positions * shape.featDim)
  const [bytes, from] = [bytesOf(features), headerBytes(shape) + index * pictureBytes(shape)]
  try {
    const file = openSync(path, 'r')
    try {
      for (let done = 0; done < bytes.length; )
        done += atLeastOne(readSync(file, bytes, done, bytes.length - done, from + done))
    } finally {
      closeSync(file)
    }
  } catch (error) {
    throw new UserError(`${path}: can't be read any more (${(error as Error).message}): start again`)
  }
  return features
}

const bytesOf = ({ buffer, byteOffset, byteLength }: NodeJS.TypedArray) =>
  new Uint8Array(buffer, byteOffset, byteLength)

async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten
}

async function readFully(file: FileHandle, into: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done)
    done += atLeastOne(bytesRead)
  }
}

function atLeastOne(bytesRead: number): number {
  if (bytesRead === 0) throw new Error('it ends early')
  return bytesRead
}
