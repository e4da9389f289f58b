import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { VqaSample } from '../../datasets/index.js'
import { tasks } from '../../src/tasks/index.js'
import { openVqa } from '../support/dataSets.js'
import { solidPng } from './pictures.js'

const shared = process.env.VL_LST_SHARED ?? '../shared'

const read = (...path: readonly string[]) => JSON.parse(readFileSync(join(...path), 'utf8'))

let root: string
const write = (path: string, content: unknown) => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), content instanceof Uint8Array ? content : JSON.stringify(content))
}
const open = (path = root) => openVqa(path)

const ask = (question_id: number, image_id: number, question = 'What is this?') => ({
  ...{ question_id, image_id, question },
})
const annotate = (question_id: number, said: Readonly<Record<string, number>>) => ({
  ...{ question_id, image_id: 1, question_type: 'what is', answer_type: 'other', multiple_choice_answer: '' },
  answers: Object.entries(said).flatMap(([answer, times]) =>
    Array.from({ length: times }, (_, i) => ({ answer, answer_confidence: 'yes', answer_id: i + 1 })),
  ),
})
const files = (type: string, subtype: string) => ({
  questions: `v2_OpenEnded_${type}_${subtype}_questions.json`,
  annotations: `v2_${type}_${subtype}_annotations.json`,
})
const train = files('mscoco', 'train2014')
const validation = files('mscoco', 'val2014')
const test2015 = files('mscoco', 'test2015')

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'vqa-official-'))
  const picture = await solidPng(8, 8)
  write('images/train2014/COCO_train2014_000000000001.jpg', picture)
  write('images/val2014/COCO_val2014_000000000001.png', picture)
  write(train.questions, { info: {}, questions: [ask(10, 1), ask(11, 1, 'Is it?')] })
  write(train.annotations, {
    annotations: [annotate(11, { yes: 10 }), annotate(10, { net: 7, Mesh: 2, mesh: 1 })],
  })
  write(validation.questions, { questions: [ask(20, 1)] })
  write(validation.annotations, { annotations: [annotate(20, { net: 3, 'never trained': 7 })] })
})
afterEach(() => rmSync(root, { recursive: true }))

describe('the published files', () => {
  test('become samples, annotations in any order; labels are of the answers to train', async () => {
    const { name, splits, pictures } = await open()
    const about = { questionType: 'what is', answerType: 'other' }
    expect(name).toBe('vqa-official')
    expect(Object.keys(splits)).toEqual(['train', 'validation'])
    expect(splits.train).toEqual([
      {
        ...{ questionId: 10, imageId: 'COCO_train2014_000000000001', question: 'What is this?', ...about },
        answers: [...new Array(7).fill('net'), 'Mesh', 'Mesh', 'mesh'],
        label: new Map([
          ['net', 1],
          ['mesh', 0.3],
        ]),
      },
      {
        ...{ questionId: 11, imageId: 'COCO_train2014_000000000001', question: 'Is it?', ...about },
        ...{ answers: new Array(10).fill('yes'), label: new Map([['yes', 1]]) },
      },
    ])
    expect(splits.validation[0]?.label).toEqual(new Map([['net', 0.9]]))
    expect(pictures.where('COCO_val2014_000000000001')).toMatch(
      /images\/val2014\/COCO_val2014_000000000001\.png$/,
    )
    expect(await pictures.read('COCO_val2014_000000000001')).toEqual(await solidPng(8, 8))
  })

  test('may come with the answers that were counted', async () => {
    write('trainval_ans2label.json', { '': 0, yes: 1, Mesh: 2 })
    const { splits } = await open()
    expect(splits.train[0]?.label).toEqual(new Map([['Mesh', 0.6]]))
    expect(splits.validation[0]?.label).toEqual(new Map())
  })

  test('have no labels in a test without annotations; test-dev asks about pictures of the test', async () => {
    write('test2015/COCO_test2015_000000000001.jpg', await solidPng(8, 8))
    write(test2015.questions, { questions: [ask(30, 1)] })
    write(files('mscoco', 'test-dev2015').questions, { questions: [ask(30, 1)] })
    const { splits } = await open()
    const sample = { questionId: 30, imageId: 'COCO_test2015_000000000001', question: 'What is this?' }
    expect(splits.test).toEqual([sample])
    expect(splits['test-dev']).toEqual([sample])
    write(test2015.annotations, { annotations: [annotate(30, { net: 10 })] })
    expect((await open()).splits.test).toMatchObject([{ label: new Map([['net', 1]]) }])
  })

  test('may be of another data type, without years, packed, with all pictures in one folder', async () => {
    rmSync(root, { recursive: true })
    for (const [i, split] of ['train', 'val', 'test'].entries()) {
      const { questions, annotations } = files('drawn', split)
      write(`images/drawn_${split}_000000000001.png`, await solidPng(8, 8))
      write(`${questions}.gz`, gzipSync(JSON.stringify({ questions: [ask(i, 1)] })))
      write(`${annotations}.gz`, gzipSync(JSON.stringify({ annotations: [annotate(i, { red: 10 })] })))
    }
    const { splits } = await open()
    expect(
      Object.entries(splits).map(([split, [sample]]) => [split, sample?.imageId, sample?.label]),
    ).toEqual([
      ['train', 'drawn_train_000000000001', new Map([['red', 1]])],
      ['validation', 'drawn_val_000000000001', new Map([['red', 1]])],
      ['test', 'drawn_test_000000000001', new Map([['red', 1]])],
    ])
  })
})

test('the real questions of coco-mini are divided by picture', async () => {
  const { splits, pictures } = await open(join(shared, 'data/coco-mini'))
  expect(splits.train.length + splits.validation.length).toBe(63)
  const [seen, heldOut] = [splits.train, splits.validation].map(
    (split) => new Set(split.map(({ imageId }) => imageId)),
  )
  expect([seen!.size, heldOut!.size]).toEqual([38, 4])
  expect([...heldOut!].filter((id) => seen!.has(id))).toEqual([])
  const asked = splits.train.find(({ questionId }) => questionId === 25006) ?? splits.validation[0]!
  expect(pictures.where(asked.imageId)).toMatch(/images\/0{10}25\.jpg$/)
  expect(splits.train.filter(({ answers, label }) => answers?.length !== 10 || !label?.size)).toEqual([])
})

test('real answers have the score that the official evaluation gives them, to the last digit', async () => {
  const source = join(shared, 'data/vqa-v2-60k')
  for (const part of ['questions', 'annotations'])
    copyFileSync(join(source, `valid-${part}.json.gz`), join(root, `vqa-${part}.json.gz`))
  const asked = JSON.parse(String(gunzipSync(readFileSync(join(source, 'valid-questions.json.gz')))))
  for (const { image_id } of asked.questions)
    write(`images/COCO_val2014_${String(image_id).padStart(12, '0')}.jpg`, Buffer.of())
  const { train: most, validation: rest } = (await open()).splits
  const byId = new Map([...most, ...rest].map((sample) => [sample.questionId, sample]))
  const samples = asked.questions.map(({ question_id }: { question_id: number }) => byId.get(question_id)!)
  const predictions: { question_id: number; answer: string }[] = read(source, 'valid-predictions.json')
  const answerOf = new Map(predictions.map(({ question_id, answer }) => [question_id, answer]))
  const rows = tasks.get('vqa').score(
    samples,
    samples.map(({ questionId }: VqaSample) => answerOf.get(Number(questionId))!),
  )
  const table = (by: string) =>
    Object.fromEntries(rows.filter((row) => row.by === by).map(({ name, score }) => [name, score]))
  expect(rows[0]?.count).toBe(8977)
  expect({
    overall: rows[0]?.score,
    perAnswerType: table('answer type'),
    perQuestionType: table('question type'),
  }).toEqual(read(source, 'valid-expected.json').accuracy)
})

test('questions about one picture alone leave nothing to validate on', async () => {
  const folder = join(shared, 'data/vqa-gqa-mini')
  await expect(open(folder)).rejects.toThrow(`${folder} has questions about one picture only, and a tenth`)
})

describe('a bad file is named in one line', () => {
  const mendQuestion = 'a row is {"question_id": 12, "image_id": 34, "question": "…"}'
  const first = '(the first is 0)'

  test.each([
    ['no array', {}, 'has no array "questions"'],
    ['nothing', null, 'has no array "questions"'],
    [
      'a missing field',
      { questions: [{ question_id: 1, image_id: 1 }] },
      `row 0 ${first}: "question" is missing`,
    ],
    [
      'a number as text',
      { questions: [ask(10, 1), ask(11, '1' as never)] },
      `row 1 ${first}: "image_id" is "1", not a whole number`,
    ],
    ['an empty question', { questions: [ask(10, 1, ' ')] }, `row 0 ${first}: "question" is " ", empty`],
    [
      'a question asked twice',
      { questions: [ask(10, 1), ask(10, 1)] },
      `row 1 ${first}: "question_id" is 10, as in a row before`,
    ],
  ])('questions: %s', async (_, content, message) => {
    write(train.questions, content)
    await expect(open()).rejects.toThrow(`${join(root, train.questions)} ${message}: ${mendQuestion}`)
  })

  test.each([
    ['no answers', [{ ...annotate(10, {}) }], `row 0 ${first}: "answers" is [], empty`],
    [
      'an answer that is a number',
      [{ question_id: 10, answers: [{ answer: 2 }] }],
      `row 0 ${first}: "answers.0.answer" is 2, not a string`,
    ],
    [
      'an annotation twice',
      [annotate(10, { a: 1 }), annotate(10, { a: 1 })],
      `row 1 ${first}: "question_id" is 10, as in a row before`,
    ],
    [
      'an annotation without question',
      [annotate(12, { a: 1 })],
      `row 0 ${first}: "question_id" is 12, which ROOT/${train.questions} does not ask`,
    ],
  ])('annotations: %s', async (_, annotations, message) => {
    write(train.annotations, { annotations })
    await expect(open()).rejects.toThrow(
      `${join(root, train.annotations)} ${message.replace('ROOT', root)}: a row is`,
    )
  })

  test('a question without annotation', async () => {
    write(train.annotations, { annotations: [annotate(10, { a: 10 })] })
    await expect(open()).rejects.toThrow(
      `${join(root, train.questions)} row 1 ${first}: "question_id" is 11, which ${join(root, train.annotations)} has no annotation of`,
    )
  })

  test('a picture that is not there', async () => {
    write(validation.questions, { questions: [ask(20, 7)] })
    const file = join(root, 'images/val2014/COCO_val2014_000000000007.jpg')
    await expect(open()).rejects.toThrow(
      `${join(root, validation.questions)} row 0 ${first}: "image_id" is 7, but ${file} does not exist`,
    )
  })

  test('annotations that are missing', async () => {
    rmSync(join(root, validation.annotations))
    await expect(open()).rejects.toThrow(`${join(root, validation.annotations)} is missing`)
  })

  test('a split that is missing', async () => {
    rmSync(join(root, validation.questions))
    await expect(open()).rejects.toThrow(`${root} has no v2_OpenEnded_…_val…_questions.json: put it there`)
  })

  test('two files of one split', async () => {
    write(files('abstract_v002', 'train2017').questions, { questions: [] })
    await expect(open()).rejects.toThrow(/abstract.* and .*mscoco.* are both train: leave one of them out/)
  })

  test('a split that has no name', async () => {
    write(files('mscoco', 'minival2014').questions, { questions: [] })
    await expect(open()).rejects.toThrow('"minival2014" is none of train, val, test, test-dev')
  })

  test('a packed file that is cut off', async () => {
    const packed = gzipSync(JSON.stringify({ questions: [ask(10, 1)] }))
    renameSync(join(root, train.questions), join(root, 'aside.json'))
    write(`${train.questions}.gz`, packed.subarray(0, 20))
    await expect(open()).rejects.toThrow(
      /_questions\.json\.gz is not a whole gzip file \(.*\): fetch it again/,
    )
  })

  test('a list of answers that is none', async () => {
    write('trainval_ans2label.json', ['yes'])
    await expect(open()).rejects.toThrow('trainval_ans2label.json is not an object of answers and numbers')
  })

  test('what is no JSON is named by line and column', async () => {
    write(train.questions, Buffer.from('{"questions": [\n{"question_id": 1,, }]}'))
    await expect(open()).rejects.toThrow(
      `${train.questions} is not JSON from line 2, column 19 on: mend it there`,
    )
  })
})
