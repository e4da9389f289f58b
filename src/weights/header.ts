import { z } from 'zod'
import { UserError } from '../base/index.js'
import { type Dtype, dtypes, isDtype, tensorBytes } from './dtype.js'

/** Where a tensor lies: `begin` and `end` are byte offsets from the start of its file. */
export interface Span {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

interface Header {
  /** In the order of `begin`, without gap or overlap, up to the end of the file. */
  readonly spans: readonly Span[]
  readonly metadata: Readonly<Record<string, string>>
}

/** Bytes before the header: its length. */
export const prefixBytes = 8

const headerLimit = 100e6 // the format's own limit, in bytes

/**
 * Length in bytes of the header's JSON, from the first 8 bytes of the file.
 *
 * @param file the name that errors give it
 * @throws {UserError} shorter than it says, or not a safetensors file at all
 */
export function headerLength(start: Uint8Array, fileBytes: number, file: string): number {
  if (fileBytes < prefixBytes) throw damaged(file, `is cut short or empty (${fileBytes} bytes)`)
  refusePointer(start, file)
  const length = Number(new DataView(start.buffer, start.byteOffset).getBigUint64(0, true))
  if (length > headerLimit) throw damaged(file, 'is not a safetensors file, or its first bytes are damaged')
  if (prefixBytes + length > fileBytes)
    throw damaged(file, `is cut short: its header has ${length} bytes, the whole file ${fileBytes}`)
  return length
}

/** @throws {UserError} the file is what Git has in place of a large file, by its first 8 bytes */
export function refusePointer(start: Uint8Array, file: string): void {
  if (new TextDecoder('latin1').decode(start.subarray(0, prefixBytes)) === 'version ')
    throw new UserError(`${file}: is Git LFS's pointer to the file, not the file: run git lfs pull`)
}

/**
 * Reads a safetensors header and proves it sound before any byte of data is touched.
 *
 * @param bytes at least the header: 8 bytes of little-endian length, then JSON
 * @param fileBytes size of the whole file, in bytes
 * @param file the name that errors give it
 * @throws {UserError} header longer than the file or than 100 MB; not JSON; a name given twice; an
 *   unknown dtype; a span whose length is not ∏ shape × bytes an element; spans that overlap, leave a
 *   gap or don't end where the file does (a download that was cut short shows up here)
 * @see https://github.com/huggingface/safetensors#format
 */
export function readHeader(bytes: Uint8Array, fileBytes: number, file: string): Header {
  const dataStart = prefixBytes + headerLength(bytes, fileBytes, file)
  const entries = parseHeader(bytes.subarray(prefixBytes, dataStart), file)
  const metadata = parseMetadata(entries.__metadata__, file)
  const spans = Object.entries(entries)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => parseSpan(name, entry, dataStart, file))
    .sort((a, b) => a.begin - b.begin || a.end - b.end)
  checkCoverage(spans, dataStart, fileBytes, file)
  return { spans, metadata }
}

/** The error of a file whose bytes can't be trusted. */
export function damaged(file: string, what: string): UserError {
  return new UserError(`${file}: ${what}: download it again`)
}

function parseHeader(bytes: Uint8Array, file: string): Record<string, unknown> {
  let parsed: unknown
  let text = ''
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    parsed = JSON.parse(text)
  } catch {
    throw damaged(file, 'its header is not JSON')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw damaged(file, 'its header is not a JSON object')
  const twice = repeatedKey(text)
  if (twice !== undefined) throw damaged(file, `its header names "${twice}" twice`)
  return parsed as Record<string, unknown>
}

/** The first key that some object of valid JSON has twice; JSON.parse would keep the last in silence. */
function repeatedKey(json: string): string | undefined {
  const open: Set<string>[] = []
  for (const [token, key] of json.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")\s*:|"[^"\\]*(?:\\.[^"\\]*)*"|[{}]/g)) {
    if (token === '{') open.push(new Set())
    else if (token === '}') open.pop()
    else if (key !== undefined) {
      const name = String(JSON.parse(key))
      if (open.at(-1)!.has(name)) return name
      open.at(-1)!.add(name)
    }
  }
  return undefined
}

function parseMetadata(value: unknown, file: string): Readonly<Record<string, string>> {
  const checked = z.record(z.string(), z.string()).safeParse(value ?? {})
  if (!checked.success) throw damaged(file, 'its __metadata__ is not an object of strings')
  return checked.data
}

const size = z.int().nonnegative()
const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(size),
  data_offsets: z.tuple([size, size]),
})

function parseSpan(name: string, value: unknown, dataStart: number, file: string): Span {
  const checked = entrySchema.safeParse(value)
  if (!checked.success) {
    const field = checked.error.issues[0]?.path.join('.') || 'entry'
    throw damaged(file, `the ${field} of tensor "${name}" is not what the format says`)
  }
  const { dtype, shape, data_offsets: offsets } = checked.data
  if (!isDtype(dtype))
    throw new UserError(
      `${file}: tensor "${name}" has the unknown dtype "${dtype}": ` +
        `save it as one of ${Object.keys(dtypes).join(', ')}`,
    )
  const bytes = tensorBytes(dtype, shape)
  if (offsets[1] - offsets[0] !== bytes)
    throw damaged(
      file,
      `tensor "${name}" (${dtype}, [${shape.join(', ')}]) takes ${bytes} bytes ` +
        `but its offsets span ${offsets[1] - offsets[0]}`,
    )
  return { name, dtype, shape, begin: dataStart + offsets[0], end: dataStart + offsets[1] }
}

function checkCoverage(spans: readonly Span[], dataStart: number, fileBytes: number, file: string): void {
  let end = dataStart
  for (const span of spans) {
    if (span.begin < end) throw damaged(file, `tensor "${span.name}" overlaps the one before it`)
    if (span.begin > end)
      throw damaged(file, `there is a gap of ${span.begin - end} bytes before tensor "${span.name}"`)
    if (span.end > fileBytes)
      throw damaged(
        file,
        `is cut short: tensor "${span.name}" ends at byte ${span.end}, the file at ${fileBytes}`,
      )
    end = span.end
  }
  if (end !== fileBytes) throw damaged(file, `has ${fileBytes - end} bytes that belong to no tensor`)
}
