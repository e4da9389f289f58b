/** `data/bart`: a BART that others trained gives what transformers computes from it. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Tensor } from '../../src/graph/index.js'
import type { BuiltGraph } from '../../src/models/index.js'
import { float32, int64, nativeRuntime, type Session, type Tensors } from '../../src/runtime/index.js'
import { padBatch } from '../../src/text/index.js'
import { type Backbone, openBackbone } from '../../src/training/backbone.js'
import { generateGreedy } from '../../src/training/generate.js'
import { decodeGraph, encodeGraph, gradientGraph, type ModelSpec } from '../../src/training/graphs.js'
import { openSession } from '../../src/training/weights.js'
import { specOf } from '../support/t5.js'
import { folderOfFile, isLacking, shared } from '../support/weights.js'

type Rows = readonly (readonly number[])[]

interface Recorded {
  readonly prompts: readonly {
    readonly word: string
    readonly input_ids: readonly number[]
    readonly greedy_ids: readonly number[]
    readonly decoder_input_ids: readonly number[]
    /** The first 8 values of each position. */
    readonly encoder_first8: Rows
    /** The first 8 logits of each place. */
    readonly logits_first8: Rows
    readonly log_sum_exp: readonly number[]
    readonly cross_entropy_of_greedy: number
  }[]
  readonly padded_batch: { readonly input_ids: Rows; readonly greedy_ids: Rows }
}

/** Of the recording, the start id included. */
const maxLength = 32

/** rtol 1e-4, atol 2e-4: what the recording asks for. */
function expectNear(got: Iterable<number>, want: readonly number[], what: string): void {
  const values = [...got]
  expect(values, what).toHaveLength(want.length)
  for (const [i, value] of values.entries())
    expect(Math.abs(value - want[i]!), `${what} ${i}: ${value}, not ${want[i]}`).toBeLessThanOrEqual(
      2e-4 + 1e-4 * Math.abs(want[i]!),
    )
}

describe.skipIf(isLacking('data', 'bart'))('data/bart', () => {
  const cache = folderOfFile()
  let recorded: Recorded
  let backbone: Backbone
  let parameters: Tensors
  const sessions = {} as Record<'encoder' | 'decoder' | 'gradients', Session>

  beforeAll(async () => {
    recorded = JSON.parse(readFileSync(shared('data', 'bart', 'recorded.json'), 'utf8')) as Recorded
    backbone = openBackbone(shared('data', 'bart'), { cache })
    const { weights, config } = backbone
    parameters = Object.fromEntries(
      [...weights.tensors.values()]
        .filter(({ name }) => name !== 'final_logits_bias')
        .map(({ name, shape }) => [name, float32(shape, weights.readFloat32(name))]),
    )
    const spec: ModelSpec = specOf(config, 'full', {}, { vision: false })
    const open = (built: BuiltGraph) => openSession(built, weights, { runtime: nativeRuntime, threads: 2 })
    const seen = new Map<string, Tensor>()
    sessions.encoder = await open(encodeGraph(spec))
    sessions.decoder = await open(decodeGraph(spec))
    sessions.gradients = await open(
      gradientGraph(spec, {
        trace: (name, value) => seen.set(name, value),
        extra: ({ logits }) => ({ logits, encoder: seen.get('encoder')! }),
      }),
    )
  })

  afterAll(() => {
    for (const session of Object.values(sessions)) session.close()
  })

  const idsOf = (rows: Rows) => {
    const { padTokenId } = backbone.config
    const { ids, batch, length } = padBatch(rows, padTokenId)
    const mask = ids.map((id) => (id === BigInt(padTokenId) ? 0n : 1n))
    return { inputIds: int64([batch, length], ids), attentionMask: int64([batch, length], mask) }
  }

  async function greedy(inputs: Rows): Promise<number[][]> {
    const { padTokenId: padId, eosTokenId: eosId, decoderStartTokenId: startId } = backbone.config
    const { ids, width } = await generateGreedy(
      sessions as Record<'encoder' | 'decoder', Session>,
      { ...idsOf(inputs), ...parameters },
      { maxLength, startId, eosId, padId },
    )
    return inputs.map((_, row) => {
      const all = [...ids.subarray(row * width, (row + 1) * width)].map(Number)
      const end = all.indexOf(eosId, 1)
      return end < 0 ? all : all.slice(0, end + 1)
    })
  }

  test('encoder states, logits and loss of every word', async () => {
    expect(recorded.prompts).toHaveLength(14)
    for (const prompt of recorded.prompts) {
      const { word, decoder_input_ids: given, greedy_ids: ids } = prompt
      const labels = ids.slice(1)
      const size = [1, labels.length]
      const { loss, logits, encoder } = await sessions.gradients.run({
        ...{ ...idsOf([prompt.input_ids]), ...parameters },
        decoderInputIds: int64(size, BigInt64Array.from(given, BigInt)),
        labels: int64(size, BigInt64Array.from(labels, BigInt)),
        lossWeights: float32(size, new Float32Array(labels.length).fill(1 / labels.length)),
      })
      for (const [place, want] of prompt.encoder_first8.entries())
        expectNear(encoder!.floats.subarray(place * 128).subarray(0, 8), want, `${word}: state ${place}`)
      const rows = labels.map((_, place) => logits!.floats.subarray(place * 63, (place + 1) * 63))
      for (const [place, want] of prompt.logits_first8.entries())
        expectNear(rows[place]!.subarray(0, 8), want, `${word}: logits ${place}`)
      const sums = rows.map((row) => Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)))
      expectNear(sums, prompt.log_sum_exp, `${word}: log-sum-exp`)
      expectNear(loss!.floats, [prompt.cross_entropy_of_greedy], `${word}: loss`)
    }
  })

  test('greedy ids, each word alone and several in one padded batch', async () => {
    for (const { input_ids: inputs, greedy_ids: want } of recorded.prompts) {
      const [got] = await greedy([inputs])
      // At the greatest length transformers puts the end in the last place's stead.
      const compared = want.length === maxLength ? maxLength - 1 : want.length
      expect(got!.slice(0, compared)).toEqual(want.slice(0, compared))
      expect(got).toHaveLength(want.length)
    }
    const rows = recorded.padded_batch.input_ids.map((row) => row.filter((id) => id !== 0))
    expect(await greedy(rows)).toEqual(recorded.padded_batch.greedy_ids)
  })
})
