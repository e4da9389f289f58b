/** What memory the process takes, and files mapped into it. */
import { closeSync, fstatSync, openSync, readFileSync, realpathSync } from 'node:fs'
import v8 from 'node:v8'
import koffi from 'koffi'

/** Bytes. `peakBytes`: most resident memory so far; `privateBytes`: what no file backs and no process shares. */
export interface ProcessMemory {
  readonly residentBytes: number
  readonly peakBytes: number
  readonly privateBytes: number
}

/** On Linux from the kernel; elsewhere Node's own figures, where private memory counts as all that is resident. */
export function processMemory(): ProcessMemory {
  if (process.platform === 'linux') {
    const status = readFileSync('/proc/self/status', 'utf8')
    const bytes = (key: string) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * 1024
    return { residentBytes: bytes('VmRSS'), peakBytes: bytes('VmHWM'), privateBytes: bytes('RssAnon') }
  }
  const { rss } = process.memoryUsage()
  return { residentBytes: rss, peakBytes: process.resourceUsage().maxRSS * 1024, privateBytes: rss }
}

/**
 * Keeps V8's space for young objects at its first size. Building a graph would let it grow by some 27 MB that are never
 * given back, 3 % of T5-base's weights. To be called before that.
 */
export function keepHeapSmall(): void {
  v8.setFlagsFromString('--semi-space-growth-factor=1')
}

/** A file's bytes at an address, shared with every process that maps the same file. */
export interface MappedFile {
  readonly address: bigint
  readonly bytes: number
}

const [protectRead, protectWrite] = [1, 2]
const shared = 1

/** Where Linux has files in memory. */
export const memoryFolder = '/dev/shm'

/** False on Windows: its own way of mapping is not written, since it could not be tried. */
export const canMap = process.platform !== 'win32'

const mapped = new Map<string, MappedFile>()

/**
 * Maps a file read-only, once a process; it stays mapped until the process ends, since sessions read from it at any
 * time. `undefined` where there is no `mmap` (Windows: not written, since it could not be tried).
 *
 * @param path symbolic links are followed
 */
export function mapFile(path: string): MappedFile | undefined {
  if (!canMap) return undefined
  const real = realpathSync(path)
  const fd = openSync(real, 'r')
  try {
    const { dev, ino, size, mtimeMs } = fstatSync(fd)
    const key = `${dev}:${ino}:${size}:${mtimeMs}`
    let file = mapped.get(key)
    if (file === undefined) {
      file = { address: map(fd, { begin: 0, bytes: size, protection: protectRead }, real), bytes: size }
      mapped.set(key, file)
    }
    return file
  } finally {
    closeSync(fd)
  }
}

/**
 * Maps a stretch of a file for reading and writing, for the process's life: whoever maps the same sees what is written
 * here at once. The file must be as long, and its room reserved: where there is none, writing kills the process.
 *
 * @param begin a multiple of a page, in bytes
 * @returns views of the stretch; each byte is to be in one of them at most
 * @throws {Error} this platform has no `mmap`, or it fails
 */
export function mapShared(
  fd: number,
  begin: number,
  bytes: number,
): (begin: number, bytes: number) => ArrayBuffer {
  if (!canMap) throw new Error('files can’t be mapped on this platform yet')
  const address = map(fd, { begin, bytes, protection: protectRead | protectWrite }, 'shared memory')
  return (from, length) => {
    if (from + length > bytes) throw new Error(`${from} + ${length} is more than the ${bytes} bytes mapped`)
    return koffi.view(address + BigInt(from), length)
  }
}

interface Stretch {
  readonly begin: number
  readonly bytes: number
  readonly protection: number
}

/** @returns the address */
function map(fd: number, { begin, bytes, protection }: Stretch, what: string): bigint {
  const address = BigInt.asUintN(64, mmap()(null, bytes, protection, shared, fd, begin))
  if (address === 2n ** 64n - 1n) throw new Error(`mmap of ${what} failed`)
  return address
}

type Mmap = (
  address: null,
  bytes: number,
  protection: number,
  flags: number,
  fd: number,
  offset: number,
) => bigint
let mmapFunction: Mmap | undefined

function mmap(): Mmap {
  if (!mmapFunction) {
    const libc = koffi.load(process.platform === 'darwin' ? 'libSystem.B.dylib' : 'libc.so.6')
    const native = libc.func('intptr_t mmap(void*, size_t, int, int, int, int64_t)')
    mmapFunction = (...values) => BigInt(native(...values) as number | bigint)
  }
  return mmapFunction
}
