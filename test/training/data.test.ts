/** The samples of a step, before they are cut into parts. */
import { expect, test } from 'vitest'
import type { Sample } from '../../datasets/index.js'
import { collate, stepTotals, tasks } from '../../src/tasks/index.js'
import { encodeStep, type RunData, taskOf } from '../../src/training/data.js'

const special = { pad: 0, start: 0 }

/** A letter a token; 1 ends. */
const tokenizer = {
  encode: (text: string, { maxLength = 99 } = {}) => [
    ...[...text].slice(0, maxLength - 1).map((letter) => letter.charCodeAt(0)),
    1,
  ],
} as RunData['tokenizer']

const samples = [
  ['a', 'yes'],
  ['abc', 'no'],
  ['ab', 'blue'],
].map(
  ([question, answer], i): Sample => ({
    ...{ questionId: i, imageId: String(i), question: question! },
    label: new Map([[answer!, 1]]),
  }),
)

const features = { positions: 2, featDim: 3, features: async () => new Float32Array(6) }
const task = tasks.get('vqa')
const data: RunData = { task, splits: { train: samples }, tokenizer, features }
const draw = { seed: 1, epoch: 0 }

test('all rows of a step are as long as its longest, which changes neither mask nor loss', async () => {
  const step = encodeStep(data, [0, 1, 2], draw, special)
  const prompt = 'vqa: '.length
  expect(step.map(({ inputIds }) => inputIds.length)).toEqual([9, 9, 9])
  expect(step.map(({ targetIds }) => targetIds.length)).toEqual([5, 5, 5])
  expect(step[0]!.inputIds.slice(prompt)).toEqual([97, 1, 0, 0])
  const totals = stepTotals(step, special)
  expect(totals).toEqual({ samples: 3, tokens: 4 + 3 + 5 })
  const whole = await collate(task, step, special, features, totals)
  expect(Array.from(whole.attentionMask.subarray(0, 9), Number)).toEqual([1, 1, 1, 1, 1, 1, 1, 0, 0])
  expect(Array.from(whole.labels.subarray(5, 10), Number)).toEqual([110, 111, 1, -100, -100])
  expect([...whole.lossWeights.subarray(5, 10)]).toEqual([1, 1, 1, 0, 0].map((on) => Math.fround(on / 9)))
  const part = await collate(task, step.slice(0, 1), special, features, totals)
  expect([part.text, part.target]).toEqual([whole.text, whole.target])
  expect(part.inputIds).toEqual(whole.inputIds.subarray(0, 9))
  expect(part.decoderInputIds).toEqual(whole.decoderInputIds.subarray(0, 5))
})

test("texts begin with the task's name unless a run says otherwise", () => {
  const sample = { index: 0, texts: { sentence: 'a' }, label: 1 }
  const inputOf = (taskPrompt: boolean) => {
    const task = taskOf({ task: 'cola', taskPrompt, head: 'lm' })
    const text = { task, splits: { train: [sample] }, tokenizer }
    const [encoded] = encodeStep(text, [0], draw, special)
    return String.fromCharCode(...encoded!.inputIds.slice(0, -1))
  }
  expect([inputOf(true), inputOf(false)]).toEqual(['cola sentence: a', 'sentence: a'])
})
