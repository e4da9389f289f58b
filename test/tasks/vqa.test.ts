import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { VqaSample } from '../../datasets/index.js'
import { targetRandom, tasks } from '../../src/tasks/index.js'

const shared = process.env.VL_LST_SHARED ?? '../shared'
const vqa = tasks.get('vqa')

const sample = (fields: Partial<VqaSample>): VqaSample => ({
  questionId: 1,
  imageId: 'a',
  question: 'what is this?',
  ...fields,
})

describe('the target', () => {
  test('is drawn with probability score / Σ scores, and carries its score', () => {
    const asked = sample({
      label: new Map([
        ['net', 0.9],
        ['rope', 0],
        ['netting', 0.3],
      ]),
    })
    const draws = Array.from({ length: 4000 }, (_, epoch) => vqa.target(asked, targetRandom(3, epoch, 5)))
    const nets = draws.filter(({ text }) => text === 'net')
    expect(nets.length / draws.length).toBeCloseTo(0.75, 1)
    expect(new Set(draws.map(({ text, score }) => `${text} ${score}`))).toEqual(
      new Set(['net 0.9', 'netting 0.3']),
    )
  })

  test.each([
    ['an empty label', new Map()],
    ['scores of zero', new Map([['net', 0]])],
    ['no label', undefined],
  ])('is the empty answer of score 0 with %s', (_, label) => {
    expect(vqa.target(sample({ label }), targetRandom(3, 0, 0))).toEqual({ text: '', score: 0 })
  })
})

describe('scores', () => {
  const { vqa_topk } = JSON.parse(
    readFileSync(join(shared, 'parity/vl-tasks/metric-vqa-topk-gqa-nlvr/case.json'), 'utf8'),
  )
  const ids = Object.keys(vqa_topk.labels)
  const answers = ids.map((id) => vqa_topk.predictions[id] as string)
  const samples = ids.map((id) =>
    sample({ questionId: Number(id), label: new Map(Object.entries(vqa_topk.labels[id])) }),
  )

  test("are the label's, and the submission is the reference's byte for byte", () => {
    expect(vqa.score(samples, answers)[0]).toEqual({
      by: 'overall',
      name: 'overall',
      count: 4,
      score: 100 * vqa_topk.want,
    })
    expect(Buffer.from(vqa.submission(samples, answers)).toString()).toBe(vqa_topk.want_file)
  })

  test('come by type', () => {
    const typed = [
      sample({ label: new Map([['red', 1]]), questionType: 'colour' }),
      sample({ label: new Map([['yes', 1]]), questionType: 'yes/no' }),
      sample({ label: new Map([['no', 1]]), questionType: 'yes/no' }),
    ]
    expect(vqa.score(typed, ['red', 'yes', 'yes'])).toEqual([
      { by: 'overall', name: 'overall', count: 3, score: 66.67 },
      { by: 'question type', name: 'colour', count: 1, score: 100 },
      { by: 'question type', name: 'yes/no', count: 2, score: 50 },
    ])
  })

  test('are the official accuracy where annotators are known, and none where answers are secret', () => {
    const answers = ['red', 'red', 'red', 'Red.', 'pink', 'pink', 'pink', 'pink', 'pink', 'pink']
    expect(vqa.score([sample({ label: new Map(), answers })], ['the red'])[0]!.score).toBe(100)
    expect(vqa.score([sample({ label: new Map(), answers: answers.slice(3) })], ['red'])[0]!.score).toBe(
      28.57,
    )
    expect(vqa.score([sample({})], ['red'])).toEqual([])
  })

  test('an answer named like a property of objects is an answer like any other', () => {
    expect(vqa.score([sample({ label: new Map([['net', 1]]) })], ['constructor'])[0]!.score).toBe(0)
  })

  test('a submission escapes what is not ASCII', () => {
    const bytes = vqa.submission([sample({ questionId: 'q"1' })], ['café 🎈'])
    expect(Buffer.from(bytes).toString()).toBe(
      '[\n    {\n        "answer": "caf\\u00e9 \\ud83c\\udf88",\n        "question_id": "q\\"1"\n    }\n]',
    )
  })
})
