import { openFile } from './file.js'
import { headerLength, prefixBytes, readHeader } from './header.js'
import { type Checkpoint, checkpointOf } from './stored.js'

/** One safetensors file. */
export interface SafetensorsFile extends Checkpoint {
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * Opens a safetensors file of any size: the header is read and checked, data only when asked for, by
 * byte range. Nothing stays open.
 *
 * @throws {UserError} no such file, or what `readHeader` finds
 */
export function openSafetensors(path: string): SafetensorsFile {
  const file = openFile(path)
  const start = new Uint8Array(prefixBytes)
  if (file.bytes >= prefixBytes) file.read(0, start)
  const bytes = new Uint8Array(prefixBytes + headerLength(start, file.bytes, path))
  file.read(0, bytes)
  const header = readHeader(bytes, file.bytes, path)
  const tensors = new Map(header.spans.map((span) => [span.name, { ...span, path: file.path }]))
  const checkpoint = checkpointOf(file, tensors, ({ begin }, from, into) => file.read(begin + from, into))
  return { ...checkpoint, metadata: header.metadata }
}
