import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openVisionEncoder } from '../../vl/index.js'
import { openFeatures } from '../../vl/tasks/index.js'
import { openVqa } from '../support/dataSets.js'
import { solidPng, tarOf } from './pictures.js'

const shared = process.env.VL_LST_SHARED ?? '../shared'
const open = (path: string) => openVqa(path)

describe('the real easy-VQA', () => {
  test('has its published sizes, a tenth of the training pictures held out, and no picture on both sides', async () => {
    const { splits, pictures } = await open(join(shared, 'data/easy-vqa'))
    const { train, validation, test } = splits
    expect(train.length + validation.length).toBe(38575)
    expect(test).toHaveLength(9673)
    const [seen, heldOut] = [train, validation].map((split) => new Set(split.map(({ imageId }) => imageId)))
    expect([seen!.size, heldOut!.size]).toEqual([3600, 400])
    expect([...heldOut!].filter((id) => seen!.has(id))).toEqual([])
    expect(pictures.has('test/999')).toBe(true)
  })

  test('holds out the same pictures whatever the seed', async () => {
    const folder = join(shared, 'data/easy-vqa')
    const [one, two] = [await openVqa(folder), await openVqa(folder, { seed: 2 })]
    expect(one.splits.validation).toEqual(two.splits.validation)
  })

  test('types its questions', async () => {
    const { splits } = await open(join(shared, 'data/easy-vqa'))
    const counts = new Map<string, number>()
    for (const { questionType } of splits.test!)
      counts.set(questionType!, (counts.get(questionType!) ?? 0) + 1)
    expect(Object.fromEntries(counts)).toEqual({ 'yes/no': 7136, shape: 1257, colour: 1280 })
  })
})

describe('a bad file is named in one line', () => {
  let folder: string
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'easy-vqa-'))
    const picture = await solidPng(8, 8)
    for (const split of ['train', 'test']) {
      writeQuestions(split, [['what shape is there?', 'circle', 0]])
      writeFileSync(join(folder, `${split}-images.tar`), await tarOf({ '0.png': picture, '1.png': picture }))
    }
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const writeQuestions = (split: string, rows: unknown) =>
    writeFileSync(join(folder, `${split}-questions.json`), JSON.stringify(rows))
  const good = ['is there a circle?', 'yes', 1]
  const mend = 'a row is ["question", "answer", image id]'

  test.each([
    [
      'a missing field',
      [good, ['is it red?', 'no']],
      `row 1 (the first is 0): "image id" is missing: ${mend}`,
    ],
    [
      'an answer that is no string',
      [good, good, ['is it red?', 3, 0]],
      `row 2 (the first is 0): "answer" is 3, not a string: ${mend}`,
    ],
    [
      'a question that is no string',
      [[null, 'no', 0]],
      `row 0 (the first is 0): "question" is null, not a string: ${mend}`,
    ],
    [
      'a picture id that is no number',
      [['?', 'no', '0']],
      `row 0 (the first is 0): "image id" is "0", not a whole number: ${mend}`,
    ],
    [
      'a row that is no array',
      [{ question: '?' }],
      `row 0 (the first is 0): {"question":"?"} is not an array of three: ${mend}`,
    ],
    [
      'a field too many',
      [[...good, 4]],
      `row 0 (the first is 0): ["is there a circle?","yes",1,4] is not an array of three: ${mend}`,
    ],
    ['an object', { questions: [] }, `is not an array of rows: ${mend}`],
  ])('%s', async (_, rows, message) => {
    writeQuestions('train', rows)
    await expect(open(folder)).rejects.toThrow(`${join(folder, 'train-questions.json')} ${message}`)
  })

  test('an unknown picture id', async () => {
    writeQuestions('test', [good, ['is it red?', 'no', 7]])
    const archive = join(folder, 'test-images.tar')
    await expect(open(folder)).rejects.toThrow(
      `test-questions.json row 1 (the first is 0): "image id" is 7, but ${archive} has no 7.png`,
    )
  })

  test.each([
    [
      'a comma too many',
      '[["?", "no", 0],\n ["?", "no",, 0]]',
      'is not JSON from row 1, line 2, column 13 on: mend it there',
    ],
    [
      'a file cut off',
      '[["?", "no", 0],\n ["?", "n',
      'is not JSON from row 1, line 2, column 8 on: mend it there',
    ],
    ['an empty file', '', 'is not JSON from row 0, line 1, column 1 on: mend it there'],
    ['another encoding', Buffer.from([0x5b, 0xe9, 0x5d]), 'is not UTF-8 text: save it as UTF-8'],
  ])('%s', async (_, text, message) => {
    writeFileSync(join(folder, 'train-questions.json'), text)
    await expect(open(folder)).rejects.toThrow(`${join(folder, 'train-questions.json')} ${message}`)
  })

  test.each(['train-images.tar', 'test-images.tar', 'train-questions.json', 'test-questions.json'])(
    '%s is missing',
    async (name) => {
      rmSync(join(folder, name))
      await expect(open(folder)).rejects.toThrow(`${join(folder, name)} is missing: put it there`)
    },
  )

  test('an archive cut off, and one that is none', async () => {
    const archive = join(folder, 'train-images.tar')
    const bytes = await tarOf({ '0.png': await solidPng(8, 8) })
    writeFileSync(archive, bytes.subarray(0, 560))
    await expect(open(folder)).rejects.toThrow(
      /train-images\.tar is not a whole tar file \(.+\): fetch it again/,
    )
    writeFileSync(archive, 'x'.repeat(2000))
    await expect(open(folder)).rejects.toThrow(/train-images\.tar is not a .*tar file.*: fetch it again/)
    writeFileSync(archive, '')
    await expect(open(folder)).rejects.toThrow(/train-images\.tar is not a .*tar file.*: fetch it again/)
  })

  test('a picture that is none, and one of another size, are named before the first step', async () => {
    const patches = openVisionEncoder('patches', { cache: '' })
    const archive = join(folder, 'train-images.tar')
    writeFileSync(archive, await tarOf({ '0.png': await solidPng(8, 8), '1.png': Buffer.from('no picture') }))
    const spoiled = await open(folder)
    await expect(openFeatures(spoiled.pictures, ['train/0', 'train/1'], patches)).rejects.toThrow(
      `${archive}: 1.png is not a picture that can be read`,
    )
    writeFileSync(archive, await tarOf({ '0.png': await solidPng(8, 8), '1.png': await solidPng(16, 8) }))
    const uneven = await open(folder)
    await expect(openFeatures(uneven.pictures, ['train/0', 'train/1'], patches)).rejects.toThrow(
      `${archive}: 1.png is 16×8 pixels, but ${archive}: 0.png is 8×8: --vision patches wants pictures of one size`,
    )
  })
})

test('a path that is none, and a folder of unknown layout, name what is understood', async () => {
  await expect(open('/nowhere')).rejects.toThrow(
    '--dataset /nowhere does not exist: name a folder with a data set',
  )
  const empty = mkdtempSync(join(tmpdir(), 'empty-'))
  await expect(open(empty)).rejects.toThrow(
    /has no layout that is understood: use .+ or easy-vqa \(.+\) or vqa \(.+\)/,
  )
})
