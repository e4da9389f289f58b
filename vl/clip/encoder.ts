import { float32, type Runtime, type Session, weightsIn } from '../../src/runtime/index.js'
import type { NetworkEncoder, Pixels } from '../images.js'
import { clipStatistics, normalisation } from '../normalise.js'
import { visionGraph } from './graphs.js'
import { type ImageFit, imageFits, normalisePixels } from './preprocess.js'
import type { ClipWeights } from './weights.js'

/** To be raised when features of the same picture change. */
const version = 1

/** Rows of one run, classes and patches of all its pictures: enough for products at full speed. */
const rowsAtOnce = 3200

export interface ClipEncoderOptions {
  readonly fit: ImageFit
  readonly runtime: Runtime
  /** Threads of one operator (all cores by default). */
  readonly threads?: number
}

/**
 * The frozen vision tower. Features are the last hidden state without the class token, before the last norm, as the
 * paper's extractor takes them. The session is made when the first features are asked for.
 *
 * @param name what messages call it
 */
export function clipEncoder(name: string, clip: ClipWeights, options: ClipEncoderOptions): NetworkEncoder {
  const { fit, runtime, threads } = options
  const { config, weights } = clip
  const { imageSize, patchSize, width } = config.vision
  const side = Math.floor(imageSize / patchSize)
  const table = normalisation(clipStatistics)
  let session: Promise<Session> | undefined
  const open = () => {
    const { graph } = visionGraph(config, { outputs: ['grid'] })
    const frozen = weightsIn(graph, weights.tensors)
    return runtime.createSession(graph, { weights: frozen, ...(threads ? { threads } : {}) })
  }
  return {
    ...{ kind: 'network', name, featDim: width, grid: { rows: side, columns: side } },
    identity: JSON.stringify([version, 'clip', clip.identity, config.vision, fit]),
    batchSize: Math.max(1, Math.floor(rowsAtOnce / (side * side + 1))),
    fit: (picture) => imageFits[fit](picture, imageSize),
    async encode(pictures) {
      const pixelValues = float32([pictures.length, 3, imageSize, imageSize], normalised(pictures, table))
      session ??= open()
      const { grid } = await (await session).run({ pixelValues })
      pixelValues.release()
      const features = grid!.floats
      grid!.release()
      return features
    },
    close() {
      const opened = session
      session = undefined
      opened?.then(
        (made) => made.close(),
        () => undefined,
      )
    },
  }
}

/** [pictures, 3, side, side] */
function normalised(pictures: readonly Pixels[], table: Float32Array): Float32Array {
  const each = pictures[0]?.data.length ?? 0
  const values = new Float32Array(pictures.length * each)
  for (const [i, picture] of pictures.entries()) normalisePixels(picture, table, values, i * each)
  return values
}
