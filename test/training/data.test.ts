/** What a step's samples are as numbers. */
import { expect, test } from 'vitest'
import { encodeStep, type RunData, taskOf } from '../../src/training/data.js'

/** A letter a token; 1 ends. */
const tokenizer = {
  encode: (text: string, { maxLength = 99 } = {}) => [
    ...[...text].slice(0, maxLength - 1).map((letter) => letter.charCodeAt(0)),
    1,
  ],
} as RunData['tokenizer']

const draw = { seed: 1, epoch: 0 }

test("texts begin with the task's name unless a run says otherwise", () => {
  const sample = { index: 0, texts: { sentence: 'a' }, label: 1 }
  const inputOf = (taskPrompt: boolean) => {
    const task = taskOf({ task: 'cola', taskPrompt, head: 'lm' })
    const text = { task, splits: { train: [sample] }, tokenizer }
    const [encoded] = encodeStep(text, [0], draw)
    return String.fromCharCode(...encoded!.inputIds.slice(0, -1))
  }
  expect([inputOf(true), inputOf(false)]).toEqual(['cola sentence: a', 'sentence: a'])
})
