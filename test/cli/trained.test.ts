/** What one types after a training: `evaluate` and `predict`. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { writeWorld } from '../support/runs.js'
import { type Ended, refusal, run, temporaryFolder } from './program.js'

const folder = temporaryFolder()
let trained: Ended

const train = [
  ...['train', '--backbone', 'model', '--dataset', 'data', '--vision', 'patches', '--batch-size', '8'],
  ...[
    '--learning-rate',
    '1e-2',
    '--warmup-ratio',
    '0',
    '--dropout',
    '0',
    '--epochs',
    '60',
    '--max-steps',
    '240',
  ],
  ...['--eval-every', '120', '--threads', '1', '--output', 'run'],
]

beforeAll(async () => {
  await writeWorld(folder)
  trained = await run(train, folder)
  mkdirSync(join(folder, 'pictures'))
  const solid = (background: string) => sharp({ create: { width: 16, height: 16, channels: 3, background } })
  await solid('green')
    .jpeg()
    .toFile(join(folder, 'pictures', 'a.jpg'))
  await solid('red')
    .png()
    .toFile(join(folder, 'pictures', 'b.png'))
  await solid('red').png().toFile(join(folder, 'one.png'))
})

const lines = (text: string) => text.trimEnd().split('\n')
const ask = ['predict', 'run', '--question', 'what colour is this ?', '--image']

describe('evaluate', () => {
  test('prints the table that the training ended with, and writes the answers', async () => {
    expect(trained.code, trained.err).toBe(0)
    const file = join(folder, 'run', 'predictions', 'test.json')
    const own = readFileSync(file, 'utf8')
    rmSync(file)
    const { code, out, err } = await run(['evaluate', 'run'], folder)
    expect(code, err).toBe(0)
    expect(trained.out).toMatch(/\ntest\ntype /)
    expect(`\n${out}`).toBe(trained.out.slice(trained.out.indexOf('\ntest\n')))
    expect(lines(err).at(-1)).toBe(`answers:  ${join('run', 'predictions', 'test.json')}`)
    expect(readFileSync(file, 'utf8')).toBe(own)
  })

  test('takes another split and other weights; --json ends with the result', async () => {
    const words = ['evaluate', 'run', '--split', 'validation', '--checkpoint', 'last', '--json']
    const { code, out, err } = await run(words, folder)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(JSON.parse(lines(out).at(-1)!)).toEqual({
      ...{ kind: 'result', folder: 'run', step: 240 },
      scores: { validation: expect.arrayContaining([expect.objectContaining({ by: 'overall', count: 8 })]) },
      predictions: join('run', 'predictions', 'validation.json'),
    })
  })

  test.each([
    [['nowhere'], 'nowhere: no config.yaml is there: name the folder of a run'],
    [['run', '--split', 'tset'], '--split tset: data has train, validation, test: choose one of them'],
    [['run', '--checkpoint', 'bets'], '--checkpoint bets: give one of best, last'],
    [['run', '--threads', '0'], '--threads 0: give a whole number from 1'],
    [['run', '--split='], '--split has no value: give the name of a split'],
  ])('is refused: %j', async (words, text) => {
    expect(await run(['evaluate', ...words], folder)).toEqual(refusal(text))
  })

  test('ends with 1 where the answers can’t be written', async () => {
    rmSync(join(folder, 'run', 'predictions'), { recursive: true })
    writeFileSync(join(folder, 'run', 'predictions'), '')
    const { code, out, err } = await run(['evaluate', 'run', '--quiet'], folder)
    rmSync(join(folder, 'run', 'predictions'))
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(/^vl-lst: .*predictions.* can.*not be written.*\n$/)
  })
})

describe('predict', () => {
  test('answers about a picture', async () => {
    expect(await run([...ask, 'one.png', '--quiet'], folder)).toEqual({ code: 0, out: 'red\n', err: '' })
  })

  test('answers about each picture of a folder; one that is broken is named, and the end is 1', async () => {
    writeFileSync(join(folder, 'pictures', 'aa.png'), 'no picture')
    const { code, out, err } = await run([...ask, 'pictures', '--quiet'], folder)
    expect(code).toBe(1)
    expect(out).toBe(`${join('pictures', 'a.jpg')}: green\n${join('pictures', 'b.png')}: red\n`)
    expect(err).toMatch(/^vl-lst: pictures.aa\.png is not a picture that can be read \(.*\): .*\n$/)
  })

  test('names a picture that is too large', async () => {
    await sharp({ create: { width: 96, height: 96, channels: 3, background: 'red' } })
      .png()
      .toFile(join(folder, 'large.png'))
    const { code, out, err } = await run([...ask, 'large.png', '--quiet'], folder)
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(/^vl-lst: large\.png: a picture gives 144 positions, .*\n$/)
  })

  test('--json is an object a picture, broken ones too', async () => {
    writeFileSync(join(folder, 'pictures', 'aa.png'), 'no picture')
    const { code, out, err } = await run([...ask, 'pictures', '--json'], folder)
    expect({ code, err }).toEqual({ code: 1, err: '' })
    const question = 'what colour is this ?'
    expect(lines(out).map((line) => JSON.parse(line))).toEqual([
      { question, image: join('pictures', 'a.jpg'), answer: 'green' },
      {
        question,
        image: join('pictures', 'aa.png'),
        error: expect.stringContaining('aa.png is not a picture'),
      },
      { question, image: join('pictures', 'b.png'), answer: 'red' },
    ])
  })

  test.each([
    [['run', '--question', 'what ?'], '--image is missing: name a picture, or a folder of pictures'],
    [['run', '--image', 'one.png'], '--question is missing: say what to ask about the picture'],
    [['run', '--image', 'one.png', '--question', ' '], '--question has no value: give a question'],
    [
      ['run', '--image', 'two.png', '--question', '?'],
      '--image two.png does not exist: name a picture, or a folder of pictures',
    ],
    [
      ['data', '--image', 'one.png', '--question', '?'],
      'data: no config.yaml is there: name the folder of a run',
    ],
  ])('is refused: %j', async (words, text) => {
    expect(await run(['predict', ...words], folder)).toEqual(refusal(text))
  })
})

test('the commands that a training ends with are these', () => {
  expect(trained.err).toContain('vl-lst evaluate run\n')
  expect(trained.err).toContain("vl-lst predict run --image FILE --question 'What is this?'\n")
})
