/** Decoded pictures in one file, so that a later run need not decode them again. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Picture } from '../index.js'

/** To be raised when decoding or this layout changes. */
export const pixelFormat = 1

/** Uint32: how many pictures, then width and height of each; then their pixels, 3 bytes each, one after the other. */
export function writePixels(file: string, pictures: readonly Picture[]): void {
  const sizes = pictures.flatMap(({ width, height }) => [width, height])
  const header = Uint32Array.from([pictures.length, ...sizes])
  writeFileSync(file, Buffer.concat([new Uint8Array(header.buffer), ...pictures.map(({ data }) => data)]))
}

/**
 * @param names what messages call the pictures, in the order in which they were written
 * @returns `undefined` where the file is not what these pictures left
 */
export function readPixels(file: string, names: readonly string[]): Picture[] | undefined {
  const bytes = new Uint8Array(readFileSync(file)).buffer
  const [count, ...sizes] = new Uint32Array(bytes, 0, 1 + 2 * names.length)
  if (count !== names.length) return undefined
  let begin = 4 * (1 + sizes.length)
  const pictures = names.map((name, i) => {
    const [width, height] = [sizes[2 * i]!, sizes[2 * i + 1]!]
    const data = new Uint8Array(bytes.slice(begin, begin + 3 * width * height))
    begin += 3 * width * height
    return { name, width, height, data }
  })
  return begin === bytes.byteLength ? pictures : undefined
}
