/** GLUE's tasks, where recorded cases say nothing: what is cut, scored, submitted and asked. */
import { describe, expect, test } from 'vitest'
import type { TextSample } from '../../datasets/index.js'
import { encodeSample, glue, longestTarget, targetRandom, tasks } from '../../src/tasks/index.js'

const sample = (
  label?: number,
  texts: TextSample['texts'] = { sentence1: 'a', sentence2: 'b' },
): TextSample => ({
  ...{ index: 4, texts },
  ...(label === undefined ? {} : { label }),
})

/** A letter a token; 1 ends. */
const tokenizer = {
  encode: (text: string, { maxLength }: { readonly maxLength: number }) => [
    ...[...text].slice(0, maxLength - 1).map((letter) => letter.charCodeAt(0)),
    1,
  ],
}

test('all eight are tasks about text alone, by the text code', () => {
  expect(glue.map(({ name }) => name)).toEqual(['cola', 'sst2', 'mrpc', 'qqp', 'stsb', 'mnli', 'qnli', 'rte'])
  for (const { name } of glue) {
    expect(tasks.get(name)).toMatchObject({ variant: 'text', maxInputLength: 128 })
    expect(tasks.get(name).pictures).toBeUndefined()
  }
})

describe('a sample as numbers', () => {
  const rte = tasks.get('rte')

  test('is cut at 128 tokens, and has no pictures', () => {
    const long = sample(1, { sentence1: 'x'.repeat(200), sentence2: '' })
    const { inputIds, targetIds, pictures } = encodeSample(rte, long, tokenizer, targetRandom(0, 0, 0))
    expect([inputIds.length, inputIds.at(-1)]).toEqual([128, 1])
    expect(targetIds).toEqual(['1'.charCodeAt(0), 1])
    expect(pictures).toEqual([])
  })

  test('its target is cut at the longest of all labels, in the tokens of the tokenizer', () => {
    expect(longestTarget(rte, tokenizer)).toBe(2)
    expect(longestTarget(tasks.get('stsb'), tokenizer)).toBe(4)
    expect(longestTarget(tasks.get('vqa'), tokenizer)).toBe(10)
  })
})

describe('scores', () => {
  test('are the mean first, then each metric; blanks around an answer do not count', () => {
    const labels = [sample(1), sample(1), sample(0), sample(0)]
    expect(tasks.get('mrpc').score(labels, ['1', ' 1\n', '1', '0'])).toEqual([
      { by: 'overall', name: 'overall', count: 4, score: 77.5 },
      { by: 'metric', name: 'f1', count: 4, score: 80 },
      { by: 'metric', name: 'accuracy', count: 4, score: 75 },
    ])
  })

  test('of numbers: what is none counts as −1, as Python reads numbers', () => {
    const stsb = glue.find(({ name }) => name === 'stsb')!
    const pearson = (answers: string[], labels: string[]) => stsb.metricsOf(answers, labels).pearson
    const right = ['-1', '2', '3', '10']
    expect(pearson(['?', '+2.', ' 3_0e-1 ', '1e1'], right)).toBeCloseTo(100, 10)
    expect(pearson(['', '2', '3', '10'], right)).toBeCloseTo(100, 10)
    expect(pearson(['0x1', '2', '3', '10'], right)).toBeCloseTo(100, 10)
    expect(pearson(['-1', '2', '3', '-inf'], right)).toBe(0)
    expect(stsb.metricsOf(['-1', '2', '3', 'Infinity'], right)).toMatchObject({
      ...{ pearson: 0, spearmanr: expect.closeTo(100, 10) },
    })
  })

  test('are none where a label is secret', () => {
    expect(tasks.get('rte').score([sample(1), sample()], ['1', '0'])).toEqual([])
  })
})

test('answers are written by the rows of the file that they belong to', () => {
  const bytes = tasks.get('rte').submission([sample(1)], [' 0 '])
  expect(JSON.parse(Buffer.from(bytes).toString())).toEqual([{ index: 4, prediction: '0' }])
})

describe('asked by someone', () => {
  const asked = (task: string, ...texts: readonly string[]) =>
    tasks.get(task).samplesOf({ images: [], texts })

  test('texts are taken in the order of the task', () => {
    expect(asked('mnli', 'a', 'b')).toEqual([{ index: 0, texts: { premise: 'a', hypothesis: 'b' } }])
  })

  test('another number of texts, or pictures, are refused', () => {
    expect(() => asked('mnli', 'a')).toThrow(
      'task mnli wants a premise and a hypothesis: give --text for each',
    )
    expect(() => asked('vqa', 'a')).toThrow('task vqa is about pictures: give --image and --question')
    expect(() => tasks.get('cola').samplesOf({ images: ['a.png'], texts: ['a'] })).toThrow('--image')
  })

  test.each([
    ['cola', '0', 'unacceptable'],
    ['mnli', ' 2', 'contradiction'],
    ['rte', '1', 'not_entailment'],
    ['stsb', '3.8', '3.8'],
    ['rte', 'maybe', 'maybe'],
  ])('%s: %j means %s', (task, answer, words) => {
    expect(tasks.get(task).inWords?.(answer)).toBe(words)
  })
})
