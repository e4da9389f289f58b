/** Answers of a model: the encoder once a batch, then the decoder greedily. */
import type { Sample } from '../../datasets/index.js'
import type { Runtime, Session, Tensors } from '../runtime/index.js'
import { encodeSample, targetRandom } from '../tasks/index.js'
import type { Checkpoint } from '../weights/index.js'
import { collatePart, type RunData, type SpecialTokens } from './data.js'
import { encoderFeeds, scalarFeeds } from './feeds.js'
import { generateGreedy } from './generate.js'
import { decodeGraph, encodeGraph, type ModelSpec } from './graphs.js'
import { openSession } from './weights.js'

/** Samples that are answered at once: enough to fill two cores, little memory beside a training step's. */
const batchSize = 64

export interface PredictorOptions {
  readonly spec: ModelSpec
  readonly weights: Checkpoint
  readonly runtime: Runtime
  readonly threads?: number
}

/** Close it when done. */
export class Predictor {
  readonly #spec: ModelSpec
  readonly #encoder: Session
  readonly #decoder: Session

  private constructor(spec: ModelSpec, encoder: Session, decoder: Session) {
    this.#spec = spec
    this.#encoder = encoder
    this.#decoder = decoder
  }

  static async create({ spec, weights, ...options }: PredictorOptions): Promise<Predictor> {
    const encoder = await openSession(encodeGraph(spec), weights, options)
    return new Predictor(spec, encoder, await openSession(decodeGraph(spec), weights, options))
  }

  /**
   * @param values the trained parameters by name: read where they lie, so a model in training may be asked
   * @param scalars the method's scheduled inputs
   * @returns an answer a sample, in the samples' order
   */
  async answer(
    data: RunData,
    samples: readonly Sample[],
    values: Tensors,
    options: {
      readonly scalars?: Readonly<Record<string, number>>
      readonly onProgress?: (done: number) => void
      readonly signal?: AbortSignal
    } = {},
  ): Promise<string[]> {
    const answers = new Array<string>(samples.length)
    const order = [...samples.keys()].sort(
      (a, b) => data.task.text(samples[a]!).length - data.task.text(samples[b]!).length,
    )
    for (let begin = 0; begin < order.length; begin += batchSize) {
      options.signal?.throwIfAborted()
      const some = order.slice(begin, begin + batchSize)
      const texts = await this.#answerBatch(
        data,
        some.map((index) => samples[index]!),
        values,
        options.scalars ?? {},
      )
      for (const [i, index] of some.entries()) answers[index] = texts[i]!
      options.onProgress?.(begin + some.length)
    }
    return answers
  }

  async #answerBatch(
    data: RunData,
    samples: readonly Sample[],
    values: Tensors,
    scalars: Readonly<Record<string, number>>,
  ) {
    const { task, tokenizer } = data
    const encoded = samples.map((sample) => encodeSample(task, sample, tokenizer, targetRandom(0, 0, 0)))
    const batch = await collatePart(data, encoded, specialTokens(this.#spec), {
      samples: samples.length,
      tokens: 1,
    })
    const inputs = { ...encoderFeeds(batch), ...scalarFeeds(scalars) }
    const { padTokenId, eosTokenId, decoderStartTokenId } = this.#spec.config
    const { ids, width } = await generateGreedy(
      { encoder: this.#encoder, decoder: this.#decoder },
      { ...inputs, ...values },
      {
        maxLength: task.decode.maxLength,
        startId: decoderStartTokenId,
        eosId: eosTokenId,
        padId: padTokenId,
      },
    )
    for (const tensor of Object.values(inputs)) tensor.release()
    return samples.map((_, row) =>
      tokenizer.decode([...ids.subarray(row * width, (row + 1) * width)].map(Number)),
    )
  }

  /** Idempotent. */
  close(): void {
    this.#encoder.close()
    this.#decoder.close()
  }
}

/** The ids that shape a batch. */
export function specialTokens({ config }: ModelSpec): SpecialTokens {
  return { pad: config.padTokenId, start: config.decoderStartTokenId }
}
