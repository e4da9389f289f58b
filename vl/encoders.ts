/** Everything that `--vision` knows by name, and CLIPs in folders. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { nearest, packageFolder, type Registry, registry, UserError } from '../src/base/index.js'
import { nativeRuntime, type Runtime } from '../src/runtime/index.js'
import { clipArchitectures } from './clip/architectures.js'
import { clipEncoder } from './clip/encoder.js'
import type { ImageFit } from './clip/preprocess.js'
import { type ClipWeights, openClipFolder, randomClip } from './clip/weights.js'
import type { VisionEncoder } from './images.js'
import { patches } from './patches.js'

export interface EncoderOptions {
  /** Folder for what is written once. */
  readonly cache: string
  /** How a picture becomes a square, where the encoder wants one; `squash` by default. */
  readonly fit?: ImageFit
  /** Threads of one operator (all cores by default). */
  readonly threads?: number
  /** Where networks run; the C interface by default. */
  readonly runtime?: Runtime
  /** What random weights come from; 0 by default. */
  readonly seed?: number
  readonly onNote?: (text: string) => void
}

interface EncoderRow {
  readonly name: string
  readonly summary: string
  /** @throws {UserError} weights that are missing or not a CLIP's */
  open(options: EncoderOptions): VisionEncoder
}

export const visionEncoders: Registry<EncoderRow> = registry<EncoderRow>('vision encoder', [
  { name: 'patches', summary: 'no encoder: patches of 8×8 pixels', open: () => patches },
  {
    name: 'builtin',
    summary: "the small CLIP of this package's own world",
    open: (options) =>
      network('builtin', openClipFolder(join(packageFolder(), 'builtin/clip'), options.cache), options),
  },
  ...clipArchitectures.entries.map((architecture): EncoderRow => {
    const name = `random:${architecture.name}`
    return {
      name,
      summary: 'seeded weights of a published shape',
      open(options) {
        const { cache, seed = 0, onNote = () => {} } = options
        return network(name, randomClip(architecture, { cache, seed, onNote }), options)
      },
    }
  }),
])

/**
 * Opens weights' headers, and nothing else: a network's session is made when features are asked for.
 *
 * @param name a row of the table, or the folder of a CLIP
 * @throws {UserError} neither; weights that are missing or not a CLIP's
 */
export function openVisionEncoder(name: string, options: EncoderOptions): VisionEncoder {
  if (visionEncoders.names.includes(name)) return visionEncoders.get(name).open(options)
  if (existsSync(name)) return network(name, openClipFolder(name, options.cache), options)
  const near = nearest(name, visionEncoders.names)
  throw new UserError(
    `--vision ${name}: there is no such folder${near ? `; the nearest name is ${near}` : ''}: ` +
      `name the folder of a CLIP, or one of ${visionEncoders.names.join(', ')}`,
  )
}

function network(name: string, clip: ClipWeights, options: EncoderOptions): VisionEncoder {
  const { fit = 'squash', runtime = nativeRuntime, threads } = options
  return clipEncoder(name, clip, { fit, runtime, ...(threads ? { threads } : {}) })
}
