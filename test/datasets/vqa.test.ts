import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openVqa } from '../support/dataSets.js'
import { solidPng } from './pictures.js'

const question = {
  question_id: 458752000,
  img_id: 'COCO_train2014_000000458752',
  sent: 'What is this photo taken looking through?',
  label: { net: 1, netting: 0.3 },
  question_type: 'what is this',
  answer_type: 'other',
  is_topk_optimal: true,
}
const validationQuestion = { ...question, img_id: 'COCO_val2014_000000000042' }

let root: string
const write = (path: string, content: unknown) => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), content instanceof Uint8Array ? content : JSON.stringify(content))
}
const open = (path = root) => openVqa(path)

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'vqa-'))
  const picture = await solidPng(8, 8)
  write('COCO/images/train2014/COCO_train2014_000000458752.jpg', picture)
  write('COCO/images/val2014/COCO_val2014_000000000042.jpg', picture)
  write('vqa/karpathy_train.json', [question])
  write('vqa/karpathy_val.json', [validationQuestion])
})
afterEach(() => rmSync(root, { recursive: true }))

describe("the paper's files", () => {
  test('become samples; the folder may be named itself, or its vqa', async () => {
    const { splits, pictures } = await open()
    expect(splits.train).toEqual([
      {
        questionId: 458752000,
        imageId: 'COCO_train2014_000000458752',
        question: 'What is this photo taken looking through?',
        label: new Map([
          ['net', 1],
          ['netting', 0.3],
        ]),
        questionType: 'what is this',
        answerType: 'other',
        isTopkOptimal: true,
      },
    ])
    expect(splits.test).toBeUndefined()
    expect(await pictures.read('COCO_train2014_000000458752')).toEqual(await solidPng(8, 8))
    expect((await open(join(root, 'vqa'))).splits).toEqual(splits)
  })

  test('may hold the raw answers, as strings or with their annotators', async () => {
    write('vqa/karpathy_val.json', [
      { ...validationQuestion, answers: ['net', 'netting'] },
      { ...validationQuestion, answers: [{ answer: 'net', answer_confidence: 'yes', answer_id: 1 }] },
    ])
    const { splits } = await open()
    expect(splits.validation.map(({ answers }) => answers)).toEqual([['net', 'netting'], ['net']])
  })

  test("may be LXMERT's division, whose test answers are secret", async () => {
    renameSync(join(root, 'vqa/karpathy_train.json'), join(root, 'vqa/train.json'))
    renameSync(join(root, 'vqa/karpathy_val.json'), join(root, 'vqa/minival.json'))
    write('vqa/nominival.json', [validationQuestion])
    const { label: _, ...secret } = validationQuestion
    write('vqa/test.json', [secret])
    const { splits } = await open()
    expect(splits.train).toHaveLength(2)
    expect(splits.test![0]!.label).toBeUndefined()
  })
})

describe('a bad record is named by file, index and field', () => {
  test.each([
    ['no question', { sent: undefined }, '"sent" is missing'],
    ['no picture', { img_id: undefined }, '"img_id" is missing'],
    ['no id', { question_id: undefined }, '"question_id" is missing'],
    ['no label', { label: undefined }, '"label" is missing'],
    ['a label that is a string', { label: 'net' }, '"label" is "net", not an object of scores'],
    ['a score that is none', { label: { net: 'high' } }, '"label.net" is "high", not a number'],
    ['an answer that is no string', { answers: ['net', 3] }, '"answers.1" is 3, not an answer'],
    ['an unknown picture', { img_id: 'COCO_val2014_7' }, '"img_id" is "COCO_val2014_7", but '],
  ])('%s', async (_, change, message) => {
    write('vqa/karpathy_train.json', [question, { ...question, ...change }])
    await expect(open()).rejects.toThrow(
      `${join(root, 'vqa/karpathy_train.json')} row 1 (the first is 0): ${message}`,
    )
  })

  test('precomputed features alone are said to be unread', async () => {
    rmSync(join(root, 'COCO/images'), { recursive: true })
    write('COCO/clip_features/data_clip_RN101_att/COCO_val2014_000000000042.h5', new Uint8Array(4))
    await expect(open()).rejects.toThrow(
      /clip_features has features \(\.h5\), which are not read yet: put COCO's/,
    )
  })

  test('a split whose file is missing', async () => {
    rmSync(join(root, 'vqa/karpathy_val.json'))
    await expect(open()).rejects.toThrow(`${join(root, 'vqa/karpathy_val.json')} is missing`)
  })
})
