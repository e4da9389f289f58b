import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { VqaSample } from '../../datasets/index.js'
import {
  collate,
  encodeSample,
  epochOrder,
  type SampleTokenizer,
  stepTotals,
  targetRandom,
  tasks,
} from '../../src/tasks/index.js'
import type { FeatureSource } from '../../vl/tasks/index.js'

const shared = process.env.VL_LST_SHARED ?? '../shared'
const vqa = tasks.get('vqa')
const t5 = { pad: 0, start: 0 }

/** Features that tell their picture: [2, 3] of its number. */
const source: FeatureSource = {
  positions: 2,
  featDim: 3,
  features: async (id) => new Float32Array(6).fill(Number(id)),
}

/** The recorded cases' tokenizer of words. */
function wordTokenizer(vocabulary: readonly string[], unknown: number, first: number): SampleTokenizer {
  return {
    encode(text, { maxLength }) {
      const ids = text
        .split(' ')
        .filter((word) => word !== '')
        .map((word) => (vocabulary.includes(word) ? vocabulary.indexOf(word) + first : unknown))
      return [...ids.slice(0, maxLength - 1), 1]
    },
  }
}

const numbers = (data: BigInt64Array, width: number) =>
  Array.from({ length: data.length / width }, (_, row) =>
    Array.from(data.subarray(row * width, (row + 1) * width), Number),
  )

test("a batch has the reference's ids", async () => {
  const recorded = JSON.parse(readFileSync(join(shared, 'parity/vl-tasks/text-batches-t5/case.json'), 'utf8'))
  const { vocab, unk_id, first_word_id } = recorded.tokenizer
  const tokenizer = wordTokenizer(vocab, unk_id, first_word_id)
  const want = recorded.want.batches.find(({ task }: { task: string }) => task === 'vqa')
  const samples = want.ids.map((id: number, i: number): VqaSample => {
    const row = recorded.data.karpathy_train.find((each: { question_id: number }) => each.question_id === id)
    const label: Record<string, number> = want.scores[i] > 0 ? { [want.answers[i]]: want.scores[i] } : {}
    return { questionId: id, imageId: String(i), question: row.sent, label: new Map(Object.entries(label)) }
  })
  const encoded = samples.map((sample: VqaSample, i: number) =>
    encodeSample(vqa, sample, tokenizer, targetRandom(1, 0, i)),
  )
  const batch = await collate(vqa, encoded, t5, source)
  expect(numbers(batch.inputIds, batch.text)).toEqual(want.input_ids)
  expect(numbers(batch.labels, batch.target)).toEqual(want.target_ids)
  expect(numbers(batch.attentionMask, batch.text)).toEqual(
    want.input_ids.map((row: number[]) => row.map((id) => (id === 0 ? 0 : 1))),
  )
})

const encoded = [
  { inputIds: [7, 8, 1], targetIds: [5, 6, 1], score: 0.6, pictures: ['4'] },
  { inputIds: [9, 1], targetIds: [1], score: 1, pictures: ['2'] },
]

test('labels are shifted right from the start id, and pad stands for what has no loss', async () => {
  const batch = await collate(vqa, encoded, t5, source)
  expect(numbers(batch.labels, 3)).toEqual([
    [5, 6, 1],
    [1, -100, -100],
  ])
  expect(numbers(batch.decoderInputIds, 3)).toEqual([
    [0, 5, 6],
    [0, 1, 0],
  ])
  expect([...batch.lossWeights]).toEqual([0.1, 0.1, 0.1, 0.5, 0, 0].map(Math.fround))
  const bart = await collate(vqa, encoded, { pad: 1, start: 2 }, source)
  expect(numbers(bart.decoderInputIds, 3)).toEqual([
    [2, 5, 6],
    [2, 1, 1],
  ])
})

test("features are the pictures', boxes are zero", async () => {
  const batch = await collate(vqa, encoded, t5, source)
  expect([batch.batch, batch.positions, batch.featDim]).toEqual([2, 2, 3])
  expect([...batch.visFeats]).toEqual([4, 4, 4, 4, 4, 4, 2, 2, 2, 2, 2, 2])
  expect([...batch.boxes]).toEqual(new Array(16).fill(0))
})

test("a micro-batch weighs with the whole step's totals", async () => {
  const whole = await collate(vqa, encoded, t5, source)
  const part = await collate(vqa, encoded.slice(1), t5, source, stepTotals(encoded, t5))
  expect(part.lossWeights[0]).toBe(whole.lossWeights[3])
})

test('an epoch visits every sample once, in an order of its own that can be replayed', () => {
  const order = epochOrder(1000, 7, 0)
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  expect(epochOrder(1000, 7, 0)).toEqual(order)
  expect(epochOrder(1000, 7, 1)).not.toEqual(order)
  expect(epochOrder(1000, 8, 0)).not.toEqual(order)
})
