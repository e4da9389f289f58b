/** Answers of a model: the encoder once a batch, then the decoder greedily, or a classifier in its place. */
import type { Sample } from '../../datasets/index.js'
import type { RunTensors, Runtime } from '../runtime/index.js'
import { encodeSample, targetRandom } from '../tasks/index.js'
import type { Checkpoint } from '../weights/index.js'
import { collatePart, type RunData, type SpecialTokens } from './data.js'
import { encoderFeeds, scalarFeeds } from './feeds.js'
import { generateGreedy } from './generate.js'
import { classifyGraph, decodeGraph, encodeGraph, type ModelSpec } from './graphs.js'
import { openSession } from './weights.js'
import { soloGroup, type WorkerGroup } from './workers/group.js'
import { throwIfInterrupted } from './workers/together.js'

/** Samples that are answered at once: enough to fill two cores, little memory beside a training step's. */
const batchSize = 64

export interface PredictorOptions {
  readonly spec: ModelSpec
  readonly weights: Checkpoint
  readonly runtime: Runtime
  readonly threads?: number
}

/** What answers a batch. */
interface Answering {
  /** @param inputs the encoder's, and trained parameters. @returns an answer a row */
  answer(inputs: RunTensors, data: RunData): Promise<readonly string[]>
  close(): void
}

/** Close it when done. */
export class Predictor {
  readonly #spec: ModelSpec
  readonly #answering: Answering

  private constructor(spec: ModelSpec, answering: Answering) {
    this.#spec = spec
    this.#answering = answering
  }

  static async create(options: PredictorOptions): Promise<Predictor> {
    const { spec } = options
    return new Predictor(spec, await (spec.classifier ? byClass(options) : inWords(options)))
  }

  /**
   * @param values the trained parameters by name: read where they lie, so a model in training may be asked
   * @param options.scalars the method's scheduled inputs
   * @param options.group who shares the work: batches go round, each as one worker alone would have it
   * @returns an answer a sample, in the samples' order, in all workers
   * @throws {Interruption} once the signal has aborted, of any worker
   */
  async answer(
    data: RunData,
    samples: readonly Sample[],
    values: RunTensors,
    options: {
      readonly scalars?: Readonly<Record<string, number>>
      readonly onProgress?: (done: number) => void
      readonly signal?: AbortSignal
      readonly group?: WorkerGroup
    } = {},
  ): Promise<string[]> {
    const answers = new Array<string>(samples.length)
    const order = [...samples.keys()].sort(
      (a, b) => data.task.text(samples[a]!).length - data.task.text(samples[b]!).length,
    )
    const { group = soloGroup, scalars = {}, signal, onProgress } = options
    const batchOf = (turn: number) => order.slice(turn * batchSize, (turn + 1) * batchSize)
    for (let turn = 0; turn * batchSize < order.length; turn += group.size) {
      if (signal) await throwIfInterrupted(group, signal)
      const own = batchOf(turn + group.rank).map((index) => samples[index]!)
      const texts = own.length === 0 ? [] : await this.#answerBatch(data, own, values, scalars)
      for (const [rank, received] of (await group.exchange(texts)).entries())
        for (const [i, index] of batchOf(turn + rank).entries()) answers[index] = received[i]!
      onProgress?.(Math.min(order.length, (turn + group.size) * batchSize))
    }
    return answers
  }

  async #answerBatch(
    data: RunData,
    samples: readonly Sample[],
    values: RunTensors,
    scalars: Readonly<Record<string, number>>,
  ) {
    const encoded = samples.map((sample) =>
      encodeSample(data.task, sample, data.tokenizer, targetRandom(0, 0, 0)),
    )
    const batch = await collatePart(data, encoded, specialTokens(this.#spec), {
      samples: samples.length,
      tokens: 1,
    })
    const inputs = { ...encoderFeeds(batch), ...scalarFeeds(scalars) }
    const answers = await this.#answering.answer({ ...inputs, ...values }, data)
    for (const tensor of Object.values(inputs)) tensor.release()
    return answers
  }

  /** Idempotent. */
  close(): void {
    this.#answering.close()
  }
}

async function inWords({ spec, weights, ...options }: PredictorOptions): Promise<Answering> {
  const encoder = await openSession(encodeGraph(spec), weights, options)
  const decoder = await openSession(decodeGraph(spec), weights, options)
  const { padTokenId: padId, eosTokenId: eosId, decoderStartTokenId: startId } = spec.config
  return {
    async answer(inputs, { task, tokenizer }) {
      const { maxLength } = task.decode
      const { ids, width } = await generateGreedy({ encoder, decoder }, inputs, {
        ...{ maxLength, startId, eosId, padId },
      })
      return rowsOf(ids, width).map((row) => tokenizer.decode([...row].map(Number)))
    },
    close() {
      encoder.close()
      decoder.close()
    },
  }
}

async function byClass({ spec, weights, ...options }: PredictorOptions): Promise<Answering> {
  const session = await openSession(classifyGraph(spec), weights, options)
  const { labels } = spec.classifier!
  return {
    async answer(inputs, { task }) {
      const { logits } = await session.run(inputs)
      const answers = rowsOf(logits!.floats, labels).map((row) => task.classes!.answer(row))
      logits!.release()
      return answers
    },
    close: () => session.close(),
  }
}

const rowsOf = <T extends Float32Array | BigInt64Array>(values: T, width: number): T[] =>
  Array.from(
    { length: values.length / width },
    (_, row) => values.subarray(row * width, (row + 1) * width) as T,
  )

/** The ids that shape a batch. */
export function specialTokens({ config }: ModelSpec): SpecialTokens {
  return { pad: config.padTokenId, start: config.decoderStartTokenId }
}
