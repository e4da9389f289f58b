import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { tasks } from '../../src/tasks/index.js'
import { openVqa } from '../support/dataSets.js'
import { solidPng } from './pictures.js'

let root: string
let file: string
const write = (path: string, content: string | Uint8Array) => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), content)
}
const writeLines = (path: string, ...lines: readonly unknown[]) =>
  write(path, lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''))
const open = (path = file) => openVqa(path)

const line = (image: string, answer = 'a bowl') => ({ image, question: 'What is on the table?', answer })

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'jsonl-'))
  file = join(root, 'my.jsonl')
  for (const name of ['kitchen.jpg', 'bilder/küche.png', 'образы/кухня.png', '厨房.png'])
    write(name, await solidPng(8, 8))
})
afterEach(() => rmSync(root, { recursive: true }))

describe('the lines of a file', () => {
  test('become samples with the numbers of their lines; pictures lie beside the file, in any script', async () => {
    writeLines(
      'my.jsonl',
      line('kitchen.jpg'),
      line('bilder/küche.png'),
      line('образы/кухня.png'),
      line('厨房.png'),
    )
    const { name, splits, pictures } = await open()
    const samples = [...splits.train, ...splits.validation].sort(
      (a, b) => Number(a.questionId) - Number(b.questionId),
    )
    expect(name).toBe('jsonl')
    expect(samples.map(({ questionId }) => questionId)).toEqual([1, 2, 3, 4])
    expect(samples[0]).toEqual({
      ...{ questionId: 1, imageId: join(root, 'kitchen.jpg'), question: 'What is on the table?' },
      ...{ answers: ['a bowl'], label: new Map([['a bowl', 1]]) },
    })
    expect(samples[3]?.imageId).toBe(join(root, '厨房.png'))
    expect(await pictures.read(join(root, 'образы', 'кухня.png'))).toEqual(await solidPng(8, 8))
  })

  test('are divided by picture, however its path is written', async () => {
    writeLines(
      'my.jsonl',
      line('kitchen.jpg'),
      line('./bilder/../kitchen.jpg'),
      line('厨房.png'),
      line(join(root, '厨房.png')),
    )
    const { splits } = await open()
    const sizes = Object.values(splits).map((samples) => [
      samples.length,
      new Set(samples.map(({ imageId }) => imageId)).size,
    ])
    expect(sizes).toEqual([
      [2, 1],
      [2, 1],
    ])
  })

  test('are of several files where a validation file lies beside a training one', async () => {
    writeLines('my.train.jsonl', line('kitchen.jpg'), line('kitchen.jpg', 'yes'))
    writeLines('my.validation.jsonl', line('kitchen.jpg'))
    const sizes = async (path: string) =>
      Object.entries((await open(path)).splits).map(([split, samples]) => [split, samples.length])
    const both = [
      ['train', 2],
      ['validation', 1],
    ]
    expect(await sizes(file)).toEqual(both)
    expect(await sizes(join(root, 'my.train.jsonl'))).toEqual(both)
    writeLines('my.jsonl', line('kitchen.jpg'))
    writeLines('my.test.jsonl', line('厨房.png'))
    expect(await sizes(file)).toEqual([...both, ['test', 1]])
  })

  test('may have several answers, which are scored as the official evaluation does', async () => {
    const said = ['bowl', 'bowl', 'dish', 'The bowl.', 'bowl']
    writeLines('my.train.jsonl', { image: 'kitchen.jpg', question: '?', answers: said })
    writeLines('my.validation.jsonl', line('kitchen.jpg', 'A bowl'))
    const { train, validation } = (await open()).splits
    expect(train[0]).toMatchObject({
      answers: said,
      label: new Map([
        ['bowl', 0.9],
        ['dish', 0.3],
        ['The bowl.', 0.3],
      ]),
    })
    const score = (samples: typeof train, answer: string) =>
      tasks.get('vqa').score(samples, [answer])[0]?.score
    expect([score(train, 'bowl'), score(train, 'dish')]).toEqual([100, 26.67])
    expect([score(validation, 'bowl'), score(validation, 'the bowl!'), score(validation, 'dish')]).toEqual([
      100, 100, 0,
    ])
  })

  test('may end as Windows ends lines, with a mark of the byte order and blank lines behind', async () => {
    write(
      'my.jsonl',
      `\ufeff${[line('kitchen.jpg'), line('厨房.png')].map((each) => JSON.stringify(each)).join('\r\n')}\r\n\r\n`,
    )
    const { splits } = await open()
    expect(splits.train.length + splits.validation.length).toBe(2)
  })
})

describe('the first bad line is named by its number and field', () => {
  const good = line('kitchen.jpg')
  const asked = { image: 'kitchen.jpg', question: '?' }

  test.each([
    ['no JSON', '{"image": "kitchen.jpg",', 'it is not JSON'],
    ['a blank line', '', 'it is empty'],
    ['no object', '3', '3 is not an object'],
    ['no answer', asked, '"answer" is missing'],
    ['an empty answer', { ...asked, answer: '' }, '"answer" is "", empty'],
    ['no answers', { ...asked, answers: [] }, '"answers" is [], empty'],
    ['an answer that is none', { ...asked, answers: ['a', 2] }, '"answers.1" is 2, not a string'],
    ['answer and answers', { ...good, answers: ['a'] }, '"answers" is ["a"], beside "answer"'],
    ['an empty question', { ...good, question: ' ' }, '"question" is " ", empty'],
    ['no picture', { question: '?', answer: 'a' }, '"image" is missing'],
    [
      'captions',
      { image: 'kitchen.jpg', captions: ['a'] },
      '"captions" is a field of captions, which the task does not read',
    ],
    [
      'NLVR2',
      { images: ['a', 'b'], sentence: 'a', label: true },
      '"images" is a field of statements about two pictures, which the task does not read',
    ],
    [
      'text',
      { sentence1: 'a', sentence2: 'b', label: 'c' },
      '"sentence1" is a field of pairs of sentences, which the task does not read',
    ],
  ])('%s', async (_, bad, message) => {
    writeLines('my.jsonl', good, bad, good)
    await expect(open()).rejects.toThrow(
      `${file} line 2: ${message}: a line is {"image": "kitchen.jpg", "question": "…", "answer": "…"}`,
    )
  })

  test.each([
    ['kitchen.jgp', ' (did you mean kitchen.jpg?)'],
    ['bilder/kueche.png', ' (did you mean bilder/küche.png?)'],
    ['nowhere/else.png', ''],
    ['bilder', ''],
  ])('a picture that is not there: %s', async (image, hint) => {
    writeLines('my.jsonl', good, line(image))
    await expect(open()).rejects.toThrow(
      `${file} line 2: "image" is "${image}", but ${join(root, image)} is no file${hint}: a line`,
    )
  })

  test('in the file that it is in', async () => {
    writeLines('my.train.jsonl', good)
    writeLines('my.validation.jsonl', good, asked)
    await expect(open()).rejects.toThrow(`${join(root, 'my.validation.jsonl')} line 2: "answer" is missing`)
  })
})

test.each([
  ['one picture only', JSON.stringify(line('kitchen.jpg')), 'has questions about one picture only'],
  ['nothing', '\n', 'is empty: a line is'],
  ['another encoding', Buffer.from([0xff, 0xfe, 0x7b]), 'is not UTF-8 text'],
])('a file with %s is refused', async (_, content, message) => {
  write('my.jsonl', content)
  await expect(open()).rejects.toThrow(`${file} ${message}`)
})

test('a file that is not there', async () => {
  await expect(open()).rejects.toThrow(`--dataset ${file} does not exist`)
})
