/** `data/t5-mini`: a T5 that has read English gives what transformers and torch compute from it in float64. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BuiltGraph } from '../../src/models/index.js'
import { float32, int64, nativeRuntime, type Session, type Tensors } from '../../src/runtime/index.js'
import { openTokenizer, padBatch, type Tokenizer } from '../../src/text/index.js'
import { type Backbone, openBackbone } from '../../src/training/backbone.js'
import { generateGreedy } from '../../src/training/generate.js'
import { decodeGraph, encodeGraph, gradientGraph, type ModelSpec } from '../../src/training/graphs.js'
import { openSession } from '../../src/training/weights.js'
import { specOf } from '../support/t5.js'
import { folderOfFile, isLacking, shared } from '../support/weights.js'

interface Recorded {
  readonly greedy: readonly {
    readonly text: string
    readonly input_ids: readonly number[]
    /** Start token first. */
    readonly greedy_ids: readonly number[]
    readonly greedy_text: string
    readonly loss: number
    readonly label_logits: readonly number[]
    /** The first 8 logits of each place. */
    readonly first_logits: readonly (readonly number[])[]
    readonly encoder_first: readonly (readonly number[])[]
  }[]
  readonly forced: {
    readonly texts: readonly (readonly [string, string])[]
    readonly input_ids: readonly (readonly number[])[]
    readonly labels: readonly (readonly number[])[]
    readonly loss: number
    readonly logits_first16: readonly (readonly (readonly number[])[])[]
    readonly logsumexp: readonly (readonly number[])[]
  }
}

/** 1e-4 + 1e-5 of the largest magnitude in the list. */
function expectNear(got: Iterable<number>, want: readonly number[], what = ''): void {
  const values = [...got]
  expect(values, what).toHaveLength(want.length)
  const tolerance = 1e-4 + 1e-5 * Math.max(...want.map(Math.abs))
  for (const [i, value] of values.entries())
    expect(Math.abs(value - want[i]!), `${what} ${i}: ${value}, not ${want[i]}`).toBeLessThanOrEqual(
      tolerance,
    )
}

/** Teacher-forced logits [batch, target, vocabulary] of a batch of ids, and its loss. */
interface Forced {
  readonly loss: number
  logits(row: number, place: number): Float32Array
}

describe.skipIf(isLacking('data', 't5-mini'))('data/t5-mini', () => {
  const cache = folderOfFile()
  let recorded: Recorded
  let backbone: Backbone
  let tokenizer: Tokenizer
  let parameters: Tensors
  let sessions: Record<'encoder' | 'decoder' | 'gradients', Session>
  const opened: Session[] = []

  beforeAll(async () => {
    recorded = JSON.parse(readFileSync(shared('data', 't5-mini', 'recorded.json'), 'utf8')) as Recorded
    backbone = openBackbone(shared('data', 't5-mini'), { cache })
    tokenizer = openTokenizer(backbone.tokenizerFile!)
    const { weights, config } = backbone
    parameters = Object.fromEntries(
      [...weights.tensors.values()].map(({ name, shape }) => [
        name,
        float32(shape, weights.readFloat32(name)),
      ]),
    )
    const spec: ModelSpec = specOf(config, 'full', {}, { vision: false })
    const open = async (built: BuiltGraph) => {
      const session = await openSession(built, weights, { runtime: nativeRuntime, threads: 2 })
      opened.push(session)
      return session
    }
    sessions = {
      encoder: await open(encodeGraph(spec)),
      decoder: await open(decodeGraph(spec)),
      gradients: await open(gradientGraph(spec, { extra: ({ logits }) => ({ logits }) })),
    }
  })

  afterAll(() => {
    for (const session of opened) session.close()
  })

  const idsOf = (rows: readonly (readonly number[])[]) => {
    const { ids, batch, length } = padBatch(rows, 0)
    return {
      inputIds: int64([batch, length], ids),
      attentionMask: int64(
        [batch, length],
        ids.map((id) => (id === 0n ? 0n : 1n)),
      ),
    }
  }

  async function forced(
    inputs: readonly (readonly number[])[],
    labels: readonly (readonly number[])[],
  ): Promise<Forced> {
    const { ids, batch, length } = padBatch(labels, -100)
    const before = padBatch(
      labels.map((row) => [0, ...row.slice(0, -1)]),
      0,
    )
    const counted = ids.filter((id) => id >= 0n).length
    const outputs = await sessions.gradients.run({
      ...idsOf(inputs),
      labels: int64([batch, length], ids),
      decoderInputIds: int64([batch, length], before.ids),
      lossWeights: float32(
        [batch, length],
        Float32Array.from(ids, (id) => (id < 0n ? 0 : 1 / counted)),
      ),
      ...parameters,
    })
    const { floats } = outputs.logits!
    const vocabulary = backbone.config.vocabSize
    return {
      loss: outputs.loss!.floats[0]!,
      logits: (row, place) => floats.subarray((row * length + place) * vocabulary).subarray(0, vocabulary),
    }
  }

  test('texts have the recorded ids', () => {
    for (const { text, input_ids } of recorded.greedy) expect(tokenizer.encode(text)).toEqual(input_ids)
    const { texts, input_ids, labels } = recorded.forced
    const encoded = (column: 0 | 1) => texts.map((pair) => tokenizer.encode(pair[column]))
    const { ids, length } = padBatch(encoded(0), 0)
    expect(Array.from(ids, Number)).toEqual(input_ids.flat())
    expect(length).toBe(input_ids[0]!.length)
    expect(encoded(1)).toEqual(labels)
  })

  test('greedy answers have the recorded ids, one by one and in one padded batch', async () => {
    const settings = { maxLength: 20, startId: 0, eosId: 1, padId: 0 }
    const generate = async (rows: readonly (readonly number[])[]) => {
      const { ids, width } = await generateGreedy(sessions, { ...idsOf(rows), ...parameters }, settings)
      return rows.map((_, row) => Array.from(ids.subarray(row * width, (row + 1) * width), Number))
    }
    const want = recorded.greedy.map(({ greedy_ids }) => [...greedy_ids])
    const inputs = recorded.greedy.map(({ input_ids }) => input_ids)
    for (const [i, row] of inputs.entries()) expect(await generate([row])).toEqual([want[i]])
    const width = Math.max(...want.map((row) => row.length))
    const together = await generate(inputs)
    expect(together).toEqual(want.map((row) => [...row, ...new Array<number>(width - row.length).fill(0)]))
  })

  test('encoder states are the recorded ones', async () => {
    for (const { text, input_ids, encoder_first } of recorded.greedy) {
      const state = await sessions.encoder.run({ ...idsOf([input_ids]), ...parameters })
      const { floats } = state['state/encoderHiddenStates']!
      for (const [place, want] of encoder_first.entries())
        expectNear(floats.subarray(place * backbone.config.dModel).subarray(0, 8), want, text)
    }
  })

  test('logits and loss of the greedy ids as labels are the recorded ones', async () => {
    for (const { text, input_ids, greedy_ids, ...want } of recorded.greedy) {
      const labels = greedy_ids.slice(1)
      const { loss, logits } = await forced([input_ids], [labels])
      expectNear([loss], [want.loss], text)
      expectNear(
        labels.map((label, place) => logits(0, place)[label]!),
        want.label_logits,
        text,
      )
      for (const [place, first] of want.first_logits.entries())
        expectNear(logits(0, place).subarray(0, 8), first, text)
    }
  })

  test('a padded batch with given labels has the recorded logits, log-sum-exp and loss', async () => {
    const { input_ids, labels, ...want } = recorded.forced
    const { loss, logits } = await forced(input_ids, labels)
    expectNear([loss], [want.loss])
    for (const [row, ids] of labels.entries()) {
      for (const place of ids.keys())
        if (ids[place] !== -100)
          expectNear(logits(row, place).subarray(0, 16), want.logits_first16[row]![place]!)
      expectNear(
        ids.map((_, place) => logSumExp(logits(row, place))),
        want.logsumexp[row]!,
      )
    }
  })
})

function logSumExp(logits: Float32Array): number {
  const most = logits.reduce((a, b) => Math.max(a, b))
  return most + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0))
}
