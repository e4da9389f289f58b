/** `vl-lst doctor` */
import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, freemem, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import type { Argv, CommandModule } from 'yargs'
import { humanBytes } from '../base/index.js'
import { memoryFolder, type NeededFile, neededFiles, presentDevices } from '../runtime/index.js'
import { cacheOf, type Typed } from './given.js'
import { advice } from './mend.js'
import { type Streams, standardStreams } from './streams.js'
import { packageVersion } from './version.js'

export const doctorCommand: Pick<CommandModule, 'builder' | 'handler'> = {
  builder: (program) => addOptions(program),
  handler: (typed) => runDoctor(typed, standardStreams()),
}

function addOptions(program: Argv): Argv {
  return program
    .usage(
      'vl-lst doctor [options]\n\nTells what this machine can do: devices, the libraries they need, file by file, memory, ' +
        'versions; and what to type for what is missing.',
    )
    .example('vl-lst doctor', 'what is here')
    .example('vl-lst doctor --json', 'the same for programs')
}

/** What is told; bytes. */
export interface Diagnosis {
  readonly versions: Readonly<Record<string, string>>
  readonly platform: string
  readonly processor: string
  readonly cores: number
  readonly memory: { readonly total: number; readonly free: number }
  /** Where workers' gradients meet; null where the system has none. */
  readonly sharedMemory: Space | null
  readonly cache: Space
  readonly devices: readonly { readonly device: string; readonly name: string }[]
  /** Why there are none of a kind. */
  readonly obstacles: ReturnType<typeof presentDevices>['obstacles']
  readonly files: readonly NeededFile[]
}

interface Space {
  readonly folder: string
  readonly free: number
}

function runDoctor(typed: Typed, { out }: Streams): void {
  const found = diagnose(cacheOf(typed))
  const mend = advice(found)
  out.write(typed.json ? `${JSON.stringify({ kind: 'result', ...found, mend })}\n` : described(found, mend))
}

function diagnose(cache: string): Diagnosis {
  const { devices, obstacles } = presentDevices()
  const processor = cpus()[0]?.model ?? process.arch
  return {
    versions: versions(),
    platform: `${process.platform} ${process.arch}`,
    processor,
    cores: availableParallelism(),
    memory: { total: totalmem(), free: freemem() },
    sharedMemory: existsSync(memoryFolder) ? spaceOf(memoryFolder) : null,
    cache: spaceOf(cache),
    devices: [{ device: 'cpu', name: processor }, ...devices],
    obstacles,
    files: neededFiles(),
  }
}

function versions(): Record<string, string> {
  const own = { 'vl-lst': packageVersion(), node: process.versions.node }
  return {
    ...own,
    ...Object.fromEntries(['onnxruntime-node', 'koffi', 'sharp'].map((name) => [name, versionOf(name)])),
  }
}

/** The version of an installed package. */
function versionOf(name: string): string {
  let folder = dirname(createRequire(import.meta.url).resolve(name))
  while (dirname(folder) !== folder) {
    const manifest = join(folder, 'package.json')
    const read = existsSync(manifest)
      ? (JSON.parse(readFileSync(manifest, 'utf8')) as Record<string, unknown>)
      : {}
    if (read.name === name) return String(read.version)
    folder = dirname(folder)
  }
  return 'unknown'
}

/** Free space where a folder is, or will be. */
function spaceOf(folder: string): Space {
  let there = folder
  while (!existsSync(there)) there = dirname(there)
  const { bavail, bsize } = statfsSync(there)
  return { folder, free: bavail * bsize }
}

function described(found: Diagnosis, mend: readonly string[]): string {
  const { memory, sharedMemory, cache } = found
  const space = (name: string, place: Space | null) =>
    place ? [[name, `${humanBytes(place.free)} free`, place.folder]] : []
  return [
    heading('Versions', Object.entries(found.versions)),
    heading('Machine', [
      ['system', found.platform, ''],
      ['cores', String(found.cores), found.processor],
      ['memory', `${humanBytes(memory.free)} free`, `of ${humanBytes(memory.total)}`],
      ...space('shared memory', sharedMemory),
      ...space('cache', cache),
    ]),
    heading('Devices', [
      ...found.devices.map(({ device, name }) => [device, name]),
      ...Object.entries(found.obstacles).map(([kind, obstacle]) => [`no ${kind}`, obstacle]),
    ]),
    heading(
      'Files',
      found.files.map((file) => [file.found ? 'found' : 'missing', file.for, file.name]),
    ),
    mend.length > 0 ? `To mend\n${mend.map((line) => `  ${line}\n`).join('')}` : 'Nothing to mend.\n',
  ].join('\n')
}

function heading(name: string, rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (row: readonly string[]) => row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')
  return `${name}\n${rows.map((row) => `  ${line(row).trimEnd()}\n`).join('')}`
}
