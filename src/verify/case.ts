/** A recorded case on disk: `case.json`, its tensors, and the weights that it starts from. */
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { UserError } from '../base/index.js'
import { type Checkpoint, openCheckpoint, openSafetensors, overlay, renamedBy } from '../weights/index.js'
import type { Values } from './values.js'

const section = z.record(z.string(), z.unknown())
const names = z.array(z.string())
const tolerance = z.object({ rtol: z.number().nonnegative(), atol: z.number().nonnegative() })

const schema = z.looseObject({
  kind: z.string(),
  model: section.optional(),
  vision: section.optional(),
  method: z.looseObject({ name: z.string(), variant: z.string().optional() }).optional(),
  task: z.union([z.string(), z.looseObject({ name: z.string() })]).optional(),
  train: section.optional(),
  generate: section.optional(),
  module: z.string().optional(),
  weights: names.default([]),
  trained: names.optional(),
  unused: names.optional(),
  no_grad: names.optional(),
  files: z.record(z.string(), z.string()).default({}),
  tolerance: z.record(z.string(), tolerance).default({}),
})

export type Section = Readonly<Record<string, unknown>>
export type Tolerance = z.infer<typeof tolerance>

export interface RecordedCase {
  /** `GROUP/NAME` */
  readonly name: string
  /** Absolute. */
  readonly folder: string
  readonly json: z.infer<typeof schema>
  /** By the names of the reference's parameters. */
  readonly weights: Checkpoint
  /** What goes in, without `in/`. */
  readonly inputs: Checkpoint
  /** What should come out, by its full name; none for cases without tensors. */
  readonly expected: Checkpoint
}

const tensorFile = 'tensors.safetensors'

/**
 * @param path the case's folder
 * @throws {UserError} no case there, or one that can't be read
 */
export function readCase(path: string): RecordedCase {
  const folder = resolve(path)
  const json = readJson(path, join(folder, 'case.json'))
  const own = existsSync(join(folder, tensorFile)) ? [openSafetensors(join(folder, tensorFile))] : []
  const files = json.weights.map((file) => withoutPrefix(openCheckpoint(join(folder, file)), 'weight/'))
  const last = json.weights.includes(tensorFile) ? [] : own.map((file) => only(file, /^weight\//))
  const tensors = overlay(...own)
  return {
    name: `${basename(dirname(folder))}/${basename(folder)}`,
    folder,
    json,
    weights: overlay(...files, ...last),
    inputs: only(tensors, /^in\//),
    expected: only(tensors, /^(?=(?:want|grad|after)\/)/),
  }
}

function readJson(path: string, file: string): RecordedCase['json'] {
  if (!existsSync(file))
    throw new UserError(`${path} is not a recorded case, it has no case.json: name a folder that has one`)
  let raw: unknown
  try {
    raw = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new UserError(`${file} is not JSON: ${error instanceof Error ? error.message : error}`)
  }
  const parsed = schema.safeParse(raw)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new UserError(`${file}: "${issue!.path.join('.')}": ${issue!.message}: see parity/README.md`)
}

/** The tensors whose names begin so, by the rest of their names. */
function only(checkpoint: Checkpoint, start: RegExp): Checkpoint {
  return renamedBy(checkpoint, (name) => (start.test(name) ? name.replace(start, '') : undefined))
}

/** All tensors; a prefix is taken off where it stands. */
function withoutPrefix(checkpoint: Checkpoint, prefix: string): Checkpoint {
  return renamedBy(checkpoint, (name) => (name.startsWith(prefix) ? name.slice(prefix.length) : name))
}

/** A tensor of a case; integers stay integers. @throws {UserError} there is none of that name */
export function readValues(from: Checkpoint, name: string): Values {
  const tensor = from.tensors.get(name)
  if (tensor?.dtype === 'I64') return { shape: tensor.shape, data: from.read(name) as BigInt64Array }
  const data = from.readFloat32(name)
  return { shape: tensor!.shape, data }
}
