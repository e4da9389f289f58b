/** One's own texts, a line each. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type DataSet, openDataSet, type TextSample } from '../../datasets/index.js'

let root: string
const writeLines = (name: string, ...lines: readonly unknown[]) =>
  writeFileSync(join(root, name), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
const open = async (task: string, name = 'my.jsonl') =>
  (await openDataSet(join(root, name), { task, seed: 1 })) as DataSet<TextSample>

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'text-jsonl-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const pair = (sentence1: string, label: unknown) => ({ sentence1, sentence2: 'b', label })

describe('the lines of a file', () => {
  test("have labels in the task's words or by the numbers of classes", async () => {
    writeLines('my.train.jsonl', pair('a', 'not_entailment'), pair('b', 0))
    writeLines('my.validation.jsonl', pair('c', 'entailment'))
    const { name, splits, pictures } = await open('rte')
    expect({ name, pictures }).toEqual({ name: 'text-jsonl', pictures: undefined })
    expect(splits).toEqual({
      train: [
        { index: 0, texts: { sentence1: 'a', sentence2: 'b' }, label: 1 },
        { index: 1, texts: { sentence1: 'b', sentence2: 'b' }, label: 0 },
      ],
      validation: [{ index: 0, texts: { sentence1: 'c', sentence2: 'b' }, label: 0 }],
    })
  })

  test('have scores as numbers, and one text where the task has one', async () => {
    writeLines('my.jsonl', pair('a', 2.75), pair('b', 0.1))
    const { train, validation } = (await open('stsb')).splits
    const scores = [...train, ...validation].map(({ label }) => label!)
    expect(scores.sort()).toEqual([Math.fround(0.1), 2.75])
    writeLines('my.jsonl', { sentence: 'a', label: '1' }, { sentence: 'b', label: 0 })
    expect(Object.values((await open('cola')).splits).flat()).toHaveLength(2)
  })

  test('are divided so that no first text is in both splits', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => pair(`text ${i % 20}`, i % 2))
    writeLines('my.jsonl', ...rows)
    const { train, validation } = (await open('mrpc')).splits
    expect([train.length, validation.length]).toEqual([36, 4])
    const first = (samples: readonly TextSample[]) => new Set(samples.map(({ texts }) => texts.sentence1))
    expect([...first(validation)].filter((text) => first(train).has(text))).toEqual([])
  })
})

describe('the first bad line is named by its number and field', () => {
  const example = ': a line is {"sentence1": "…", "sentence2": "…", "label": "entailment"}'
  test.each([
    [
      'another word',
      pair('a', 'neutral'),
      '"label" is "neutral", not one of entailment, not_entailment, nor the number of a class',
    ],
    ['a class that is none', pair('a', 2), '"label" is 2, not one of entailment, not_entailment'],
    ['no label', { sentence1: 'a', sentence2: 'b' }, '"label" is missing'],
    ['no second text', { sentence1: 'a', label: 1 }, '"sentence2" is missing'],
    ['a text that is none', pair(3 as unknown as string, 1), '"sentence1" is 3, not a string'],
    ['no object', 3, '3 is not an object'],
  ])('%s', async (_, bad, message) => {
    writeLines('my.jsonl', pair('a', 1), bad)
    const refusal = expect(open('rte')).rejects
    await refusal.toThrow(`${join(root, 'my.jsonl')} line 2: ${message}`)
    await expect(open('rte')).rejects.toThrow(example)
  })

  test('a score beyond 5', async () => {
    writeLines('my.jsonl', pair('a', 6))
    await expect(open('stsb')).rejects.toThrow('line 1: "label" is 6, not a number from 0 to 5')
  })

  test('all rows about one text', async () => {
    writeLines('my.jsonl', pair('a', 1), pair('a', 0))
    await expect(open('rte')).rejects.toThrow('has rows about one text only, and a tenth is held out')
  })
})
