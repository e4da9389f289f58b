/**
 * The frozen backbone: a Hugging Face folder, or seeded weights of a published shape. Whatever it is stored as, what
 * comes out is float32 on disk, to be mapped: narrower weights are widened, and a token table of another height is
 * written, once, into the cache.
 */
import { createHash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { humanBytes, packageFolder, UserError } from '../base/index.js'
import { cachedFile } from '../files/index.js'
import { methods } from '../methods/index.js'
import {
  architectureOf,
  architectures,
  type BackboneConfig,
  initialise,
  type ParameterSpec,
  readBackboneConfig,
} from '../models/index.js'
import {
  asFloat32,
  type Checkpoint,
  openModelFolder,
  openSafetensors,
  overlay,
  readModelConfig,
  renamedBy,
  requireTensors,
  writeSafetensors,
} from '../weights/index.js'
import { modelParameters } from './graphs.js'
import { elements } from './parameters.js'
import { openSharedBlocks, sharedBlocks, writeStart } from './randomWeights.js'

export interface Backbone {
  /** As it was asked for. */
  readonly name: string
  readonly config: BackboneConfig
  /** float32 weights by Hugging Face's names. */
  readonly weights: Checkpoint
  /** Where its `tokenizer.json` is, if it has one. */
  readonly tokenizerFile: string | undefined
}

export const randomPrefix = 'random:'
/** The same random order rows for every run: they are part of the frozen backbone. */
const tableSeed = 0

/**
 * @param options.cache folder for what is written once
 * @throws {UserError} a folder that can't be read, another architecture, a missing or badly shaped tensor
 */
export function openBackbone(
  name: string,
  options: {
    readonly cache: string
    readonly seed?: number
    readonly onWrite?: (what: string) => void
  },
): Backbone {
  return name.startsWith(randomPrefix) ? randomBackbone(name, options) : folderBackbone(name, options)
}

/** Backbones that are part of this package, by name: where they lie in it. */
export const packagedBackbones: ReadonlyMap<string, string> = new Map([
  ['builtin', 'builtin/t5'],
  ['builtin-bart', 'builtin/bart'],
])

/** Where the folder of that name is, if there is one. */
export function backboneFolder(name: string): string {
  const inPackage = packagedBackbones.get(name)
  return inPackage === undefined ? name : join(packageFolder(), inPackage)
}

function folderBackbone(name: string, { cache }: { readonly cache: string }): Backbone {
  const path = backboneFolder(name)
  if (!existsSync(path)) {
    const sizes = architectures.names.map((size) => `${randomPrefix}${size}`)
    const names = [...packagedBackbones.keys(), ...sizes].join(', ')
    throw new UserError(
      `--backbone ${name}: there is no such folder: name a Hugging Face folder, or one of ${names}`,
    )
  }
  const folder = openModelFolder(path)
  const config = readBackboneConfig(folder.config, join(folder.path, 'config.json'))
  const wanted = backboneParameters(config)
  const { prefix } = architectureOf(config)
  const whole = withBuffers(withPrefix(folder.checkpoint, prefix), wanted, cache)
  requireTensors(name, wanted, whole)
  return { name, config, weights: asFloat32(whole, cache), tokenizerFile: folder.tokenizerFile }
}

/** Names as the model with its head has them. */
function withPrefix(checkpoint: Checkpoint, prefix: string): Checkpoint {
  const isBare = ![...checkpoint.tensors.keys()].some((name) => name.startsWith(prefix))
  return isBare ? renamedBy(checkpoint, (name) => `${prefix}${name}`) : checkpoint
}

/** What a checkpoint may lack is written into the cache, once. */
function withBuffers(checkpoint: Checkpoint, wanted: readonly ParameterSpec[], cache: string): Checkpoint {
  const lacking = wanted.filter(({ name, optional }) => optional && !checkpoint.tensors.has(name))
  const files = lacking.map((spec) => {
    const file = `${spec.name}-${spec.shape.join('x')}.safetensors`
    return cachedFile(join(cache, 'buffers'), file, (aside) => writeStart(aside, [spec], 0))
  })
  return files.length === 0 ? checkpoint : overlay(checkpoint, ...files.map(openSafetensors))
}

/** Models with more bytes than this share values between their layers. */
const sharedFrom = 2 ** 30

function randomBackbone(
  name: string,
  {
    cache,
    seed = 0,
    onWrite,
  }: { readonly cache: string; readonly seed?: number; readonly onWrite?: (what: string) => void },
): Backbone {
  const architecture = architectures.get(name.slice(randomPrefix.length))
  const config = readBackboneConfig(architecture.config, name)
  const specs = backboneParameters(config)
  const shares = bytesOf(specs) > sharedFrom
  const written = shares ? sharedBlocks(specs).blocks : specs
  const key = `${architecture.name}-seed${seed}${shares ? '-shared' : ''}.safetensors`
  const path = cachedFile(join(cache, 'random'), key, (aside) => {
    const what = shares ? 'seeded values, which its layers share,' : 'seeded weights'
    onWrite?.(`${name}: writing ${humanBytes(bytesOf(written))} of ${what} into ${cache}, once`)
    writeStart(aside, written, seed)
  })
  const weights = shares ? openSharedBlocks(path, specs) : openSafetensors(path)
  return { name, config, weights, tokenizerFile: undefined }
}

const bytesOf = (specs: readonly ParameterSpec[]): number =>
  specs.reduce((sum, { shape }) => sum + 4 * elements(shape), 0)

/** All parameters of the plain text model. */
export function backboneParameters(config: BackboneConfig): readonly ParameterSpec[] {
  const method = methods.get('full')
  return modelParameters({ config, method, options: method.options.parse({}), dropout: 0 })
}

/** Everything with a row a token for `rows` tokens: cut, or continued as the reference does. */
export function withTokenRows(
  backbone: Backbone,
  rows: number,
  { cache }: { readonly cache: string },
): Backbone {
  const { config, weights } = backbone
  if (rows === config.vocabSize) return backbone
  const resized = { ...config, vocabSize: rows }
  const tables = architectureOf(config).tokenRows(resized)
  const identity = tables.map(({ name }) => {
    const { path, begin, end } = weights.tensors.get(name)!
    const { size, mtimeMs } = statSync(path)
    return [path, size, mtimeMs, begin, end]
  })
  const hash = createHash('sha256')
    .update(JSON.stringify([identity, rows, tableSeed]))
    .digest('hex')
    .slice(0, 16)
  const path = cachedFile(join(cache, 'tables'), `${hash}-${rows}.safetensors`, (aside) =>
    writeSafetensors(
      aside,
      tables.map((table) => ({
        ...{ name: table.name, dtype: 'F32' as const, shape: table.shape },
        data: () => [continued(weights.readFloat32(table.name), table)],
      })),
    ),
  )
  return { ...backbone, config: resized, weights: overlay(weights, openSafetensors(path)) }
}

/** The values that there are, then start values. */
function continued(
  values: Float32Array,
  { name, shape, initializer }: Omit<ParameterSpec, 'trained'>,
): Float32Array {
  const result = new Float32Array(elements(shape))
  initialise(result, initializer, tableSeed, name)
  result.set(values.subarray(0, result.length))
  return result
}

/** Up to this width two processes of one thread beat one of two (measured at 128; at 512 they don't). */
const tinyWidth = 128

/**
 * What presets may know a backbone by, from its configuration alone: its `model_type`, the published size that it has,
 * and whether it is `tiny`. None where it can't be read: opening it says why.
 */
export function presetNames(name: string): readonly string[] {
  const config = plainConfig(name)
  if (!config) return []
  const { vocabSize: _, ...shape } = config
  const size = architectures.entries.find((published) => {
    const { vocabSize: __, ...other } = readBackboneConfig(published.config, published.name)
    return isDeepStrictEqual(shape, other)
  })
  return [config.modelType, ...(size ? [size.name] : []), ...(config.dModel <= tinyWidth ? ['tiny'] : [])]
}

function plainConfig(name: string): BackboneConfig | undefined {
  try {
    if (name.startsWith(randomPrefix))
      return readBackboneConfig(architectures.get(name.slice(randomPrefix.length)).config, name)
    const folder = backboneFolder(name)
    return readBackboneConfig(readModelConfig(folder), join(folder, 'config.json'))
  } catch {
    return undefined
  }
}
