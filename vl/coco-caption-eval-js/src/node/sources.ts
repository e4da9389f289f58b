/** Finds METEOR's resources in a folder, in either of two layouts, and proves them to be the right ones. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { CaptionError } from '../errors.js'
import type { MeteorSources } from '../meteor/compact.js'
import { readZip, type ZipEntry } from './zip.js'

type Part = keyof MeteorSources

interface Wanted {
  /** File name, without the suffix of a packed one. */
  readonly name: string
  /** SHA-256 of the text in the forms that it has; none where it may have comments. */
  readonly hashes: readonly string[]
  /** Its name in METEOR's program file, which is a zip. */
  readonly inProgram?: string
}

const groupedParaphrases = '0aeec4613204ec8803f3f8d50e0e0bd21451a0d070a2dd1479ca3b8f7df399e6'
const originalParaphrases = '6517f02111d8cf105da48074b35d8372cdce76b5ad011b10c7b4424d14f521fb'

const wanted: Readonly<Record<Part, Wanted>> = {
  synsets: {
    name: 'synsets-en.txt',
    hashes: ['20b7cf6ae1cba2395d714d8c2ec2992e88c6d1c75c7c30aa480c6a2a9bb8fef9'],
    inProgram: 'synonym/english.synsets',
  },
  exceptions: {
    name: 'exceptions-en.txt',
    hashes: ['5feb8fcb5b349d035df1a448149c2ccc860bf32e4b9eea8c8e4f113e90a5a962'],
    inProgram: 'synonym/english.exceptions',
  },
  functionWords: {
    name: 'function-words-en.txt',
    hashes: ['2ae0d5b8c29e2993a0f442b065b946d1a17fbfe8538e66bf5931c4a248cf4c3a'],
    inProgram: 'function/english.words',
  },
  prefixes: {
    name: 'nonbreaking-prefixes-en.txt',
    hashes: [],
    inProgram: 'nonbreaking/english.prefixes',
  },
  paraphrases: { name: 'paraphrase-en.txt', hashes: [groupedParaphrases, originalParaphrases] }, // the largest one last: what is wrong with the others is found soon
}

const parts = Object.keys(wanted) as Part[]

/** A resource as it lies on the disk. */
export interface PackedSource {
  readonly part: Part
  readonly file: string
  readonly bytes: Uint8Array
  readonly unpack: (bytes: Uint8Array) => Uint8Array
}

const packings: readonly (readonly [suffix: string, unpack: (bytes: Uint8Array) => Uint8Array])[] = [
  ['', (bytes) => bytes],
  ['.br', brotliDecompressSync],
  ['.gz', gunzipSync],
]

/**
 * @param folder one with files named as above, plain or packed, or that of METEOR 1.5: `paraphrase-en.gz`, here or in
 *   `data`, and its `.jar`
 * @throws {CaptionError} something is missing there
 */
export function findSources(folder: string): PackedSource[] {
  if (!existsSync(folder))
    throw new CaptionError(`${folder}: there is no such folder: name the one of METEOR's data`)
  const program = readdirSync(folder).find((name) => /^meteor.*\.jar$/.test(name))
  const entries = program ? readZip(join(folder, program)) : []
  return parts.map((part) => {
    const source = findFile(folder, part) ?? findEntry(entries, part)
    if (source) return source
    throw new CaptionError(
      `${folder} has no ${wanted[part].name}: name the folder of METEOR's data, or of METEOR 1.5 with its .jar`,
    )
  })
}

function findFile(folder: string, part: Part): PackedSource | undefined {
  const { name } = wanted[part]
  const candidates = packings.flatMap(([suffix, unpack]) => [{ path: join(folder, name + suffix), unpack }])
  const original = name.replace(/\.txt$/, '.gz')
  const originals = [original, join('data', original)].map((path) => ({
    path: join(folder, path),
    unpack: gunzipSync,
  }))
  const found = [...candidates, ...originals].find(({ path }) => existsSync(path))
  return found && { part, file: found.path, bytes: readFileSync(found.path), unpack: found.unpack }
}

function findEntry(entries: readonly ZipEntry[], part: Part): PackedSource | undefined {
  const entry = entries.find(({ name }) => name === wanted[part].inProgram)
  return entry && { part, file: entry.name, bytes: entry.packed, unpack: entry.unpack }
}

/** @throws {CaptionError} a file is damaged, or not the one of METEOR 1.5 */
export function unpackSources(sources: readonly PackedSource[]): MeteorSources {
  const texts = sources.map(({ part, file, bytes, unpack }) => {
    let text: Uint8Array
    try {
      text = unpack(bytes)
    } catch {
      throw new CaptionError(`${file} is cut off or damaged: copy it again`)
    }
    const { hashes } = wanted[part]
    const hash = createHash('sha256').update(text).digest('hex')
    if (hashes.length > 0 && !hashes.includes(hash))
      throw new CaptionError(
        `${file} is not METEOR 1.5's (SHA-256 ${hash.slice(0, 12)}…, ${hashes.map((each) => `${each.slice(0, 12)}…`).join(' or ')} ` +
          'is expected): copy it again',
      )
    return [part, text] as const
  })
  return Object.fromEntries(texts) as unknown as MeteorSources
}
