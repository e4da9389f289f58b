/** Files of captions as users have them: JSON, packed or not, with a byte order mark or without. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { UserError } from '../base/index.js'

/** The content of a file, unchecked. @throws {UserError} it can't be read, is damaged, or is not JSON in UTF-8 */
export function readCaptionFile(file: string): unknown {
  const text = decode(unpack(read(file), file), file)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UserError(`${file} is not JSON (${reasonOf(error)}): write it again`)
  }
}

function read(file: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new UserError(`${file} cannot be read (${reasonOf(error)}): name a JSON file`)
  }
}

function unpack(bytes: Uint8Array, file: string): Uint8Array {
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b
  if (!isGzip) return bytes
  try {
    return gunzipSync(bytes)
  } catch {
    throw new UserError(`${file} is gzip, but cut off or damaged: copy it again`)
  }
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes) // a byte order mark is left out
  } catch {
    throw new UserError(`${file} is not UTF-8: write it again as UTF-8`)
  }
}

const reasonOf = (error: unknown) =>
  (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ')
