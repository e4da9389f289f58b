import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, onTestFinished } from 'vitest'

/** A file of the folder of shared data and recorded cases. */
export function shared(...parts: readonly string[]): string {
  return join(process.env.VL_LST_SHARED ?? '../shared', ...parts)
}

/** An empty folder that is removed after the tests of the file or suite that asks for it. */
export function folderOfFile(): string {
  const folder = join(tmpdir(), `vl-lst-${randomUUID()}`)
  beforeAll(() => void mkdirSync(folder))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A hash of some bytes: bit-equality that is quick to compare and short to show. */
export function digest(bytes: NodeJS.TypedArray): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** An empty folder that is removed when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vl-lst-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The bytes of a safetensors file: a header as given, then data. */
export function safetensorsBytes(header: unknown, data: Uint8Array | number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const content = typeof data === 'number' ? new Uint8Array(data) : data
  const bytes = new Uint8Array(8 + json.length + content.length)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true)
  bytes.set(json, 8)
  bytes.set(content, 8 + json.length)
  return bytes
}

/** Whether tests over these shared data are left out: the folder is missing, and VL_LST_STRICT=1 does not want it there. */
export function isLacking(...parts: readonly string[]): boolean {
  return process.env.VL_LST_STRICT !== '1' && !existsSync(shared(...parts))
}
