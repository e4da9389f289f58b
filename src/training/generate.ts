/** Greedy decoding: at every place the token of the largest logit. */
import { type HostTensor, int64, type RunTensors, type Session } from '../runtime/index.js'

export interface GreedyOptions {
  /** Most ids of a row, the start id included. */
  readonly maxLength: number
  readonly startId: number
  readonly eosId: number
  readonly padId: number
}

export interface Generated {
  /** [batch, width]: the start id, the tokens, the end id where one came, then padding. */
  readonly ids: BigInt64Array
  /** Longest row, start id included. */
  readonly width: number
  /** [batch, vocabulary] of the first place; absent where `maxLength` leaves room for the start id alone. */
  readonly firstLogits?: Float32Array
}

/** What decoding runs: sessions over an encode graph and a decode graph. */
export interface Decoding {
  readonly encoder: Pick<Session, 'run'>
  readonly decoder: Pick<Session, 'run'>
}

/**
 * Stops when every row has ended or `maxLength` is reached; rows that have ended get padding. Every place runs the
 * decoder over all ids so far: nothing is kept between places.
 *
 * @param inputs `inputIds` and whatever else either graph is fed with: the encoder's inputs, trained parameters
 */
export async function generateGreedy(
  { encoder, decoder }: Decoding,
  inputs: RunTensors,
  { maxLength, startId, eosId, padId }: GreedyOptions,
): Promise<Generated> {
  const rows = Array.from({ length: inputs.inputIds!.shape[0]! }, () => [startId])
  const ended = rows.map(() => false)
  const state = await encoder.run(inputs)
  let [logits, firstLogits]: [HostTensor?, Float32Array?] = []
  let width = 1
  try {
    while (width < maxLength && ended.includes(false)) {
      logits = await logitsAfter(decoder, { ...inputs, ...state }, rows, logits)
      const { floats } = logits
      firstLogits ??= floats.slice()
      const vocabulary = floats.length / rows.length
      for (const [i, row] of rows.entries()) {
        const next = ended[i] ? padId : largest(floats.subarray(i * vocabulary, (i + 1) * vocabulary))
        row.push(next)
        ended[i] ||= next === eosId
      }
      width++
    }
  } finally {
    for (const tensor of Object.values(state)) tensor.release()
    logits?.release()
  }
  return { ids: BigInt64Array.from(rows.flat(), BigInt), width, ...(firstLogits ? { firstLogits } : {}) }
}

/** Logits [batch, vocabulary] of the place behind these ids, written where the last place's were. */
async function logitsAfter(
  decoder: Decoding['decoder'],
  given: RunTensors,
  rows: readonly (readonly number[])[],
  into: HostTensor | undefined,
): Promise<HostTensor> {
  const ids = BigInt64Array.from(rows.flat(), BigInt)
  const decoderInputIds = int64([rows.length, rows[0]?.length ?? 0], ids)
  try {
    const { logits } = await decoder.run({ ...given, decoderInputIds }, into ? { logits: into } : {})
    return logits!
  } finally {
    decoderInputIds.release()
  }
}

/** The place of the largest number, the first of equal ones. */
function largest(numbers: Float32Array): number {
  let best = 0
  for (let i = 1; i < numbers.length; i++) if (numbers[i]! > numbers[best]!) best = i
  return best
}
