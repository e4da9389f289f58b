/** A task about texts, from the command line: trained without pictures, scored again, asked. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { writeTextT5, writeTinyCola } from '../support/texts.js'
import { type Ended, refusal, run, temporaryFolder } from './program.js'

const folder = temporaryFolder()
let trained: Ended

const train = ['train', '--task', 'cola', '--backbone', 'model', '--dataset', 'data', '--threads', '1']
const settings = [
  ...['--batch-size', '16', '--epochs', '40', '--learning-rate', '1e-2', '--warmup-steps', '10'],
  ...['--dropout', '0', '--eval-every', '120', '--method', 'full'],
]

beforeAll(async () => {
  writeTextT5(join(folder, 'model'))
  writeTinyCola(join(folder, 'data'))
  trained = await run([...train, ...settings, '--output', 'run'], folder)
})

const lines = (text: string) => text.trimEnd().split('\n')

describe('train', () => {
  test('ends with the table of metrics, and learns', () => {
    expect(trained.code, trained.err).toBe(0)
    const table = (split: string) =>
      String.raw`${split}\ntype +count +score\noverall +16 +(\d+\.\d\d)\nmatthews_correlation +16 +\1\n`
    const [, validation, test] =
      new RegExp(`^${table('validation')}\n${table('test').replace('\\1', '\\2')}$`).exec(trained.out) ?? []
    expect(Number(validation), trained.out).toBeGreaterThan(60)
    expect(Number(test)).toBeGreaterThan(60)
    expect(trained.err).toContain('96 train, 16 validation, 16 test samples; 240 steps of 16\n')
    expect(trained.err).toContain('answering validation: 16 texts\n')
    expect(lines(trained.err)).toContain('your own:        vl-lst predict run --text SENTENCE')
  })

  test('a ladder is the default; no vision encoder is opened, and nothing is made of pictures', async () => {
    const { code, err, out } = await run([...train, '--max-steps', '2', '--output', 'ladder'], folder)
    expect(code, err).toBe(0)
    expect(out).toMatch(/^validation\ntype +count +score\noverall +16 /)
    expect(err).toMatch(/cola by lst: [\d,]+ of [\d,]+ /)
    expect(readFileSync(join(folder, 'ladder', 'config.yaml'), 'utf8')).toMatch(/^vision: null$/m)
    const tensors = readFileSync(join(folder, 'ladder', 'last', 'adapter_model.safetensors'), 'latin1')
    expect(tensors).toContain('encoder.side_block.0')
    expect(tensors).not.toContain('visual_embedding')
  })

  test('the rate rises for as many steps as are said', () => {
    const rates = lines(readFileSync(join(folder, 'run', 'metrics.jsonl'), 'utf8')).map(
      (line) => JSON.parse(line).learningRate,
    )
    expect(rates.slice(0, 3)).toEqual([0, 1e-3, 2e-3])
    expect(rates.indexOf(Math.max(...rates))).toBe(10)
    expect(rates[10]).toBe(1e-2)
  })

  test("has the reference's settings", async () => {
    const config = async (...words: readonly string[]) =>
      JSON.parse((await run(['train', '--print-config', '--json', ...words], folder)).out)
    const common = {
      ...{ variant: 'text', vision: null, 'batch-size': 100, 'warmup-steps': 500, 'weight-decay': 0 },
      ...{ 'max-grad-norm': 1, dropout: 0.1, schedule: 'linear', seed: 0, 'task-prompt': true },
      ...{ 'optimizer-options': { epsilon: 1e-8 } },
    }
    expect(await config('--task', 'rte')).toMatchObject({
      ...{ ...common, epochs: 20, 'learning-rate': 3e-3, reduction: 8, gates: 'learnable' },
    })
    expect(await config('--task', 'qnli', '--method', 'full')).toMatchObject({
      ...{ ...common, epochs: 10, 'learning-rate': 3e-4 },
    })
    expect(await config('--task', 'rte', '--warmup-ratio', '0.1')).toMatchObject({
      ...{ 'warmup-ratio': 0.1, 'warmup-steps': null },
    })
  })

  test.each([
    [
      ['--task', 'vqa'],
      /^--dataset data is for cola, sst2, mrpc, qqp, stsb, mnli, qnli, rte, and has nothing for vqa: use /,
    ],
    [
      ['--dataset', 'builtin'],
      /^--dataset builtin is for vqa, and has nothing for cola: use glue \(a folder with train\.tsv/,
    ],
    [['--task', 'rte'], /train\.tsv line 1: no column is named "label": RTE's rows are under a header with/],
    [
      ['--vision', 'patches'],
      /^--vision is for tasks about pictures, and cola is about text alone: leave it out$/,
    ],
    [['--downsample'], /^--downsample is for tasks about pictures/],
    [['--task', 'colla'], /^unknown task "colla"; the nearest is "cola"/],
  ])('is refused: %j', async (words, text) => {
    const { code, out, err } = await run([...train, '--output', 'refused', ...words], folder)
    expect({ code, out }, err).toEqual({ code: 2, out: '' })
    expect(lines(err).at(-1)).toMatch(/^vl-lst: /)
    expect(lines(err).at(-1)!.slice('vl-lst: '.length)).toMatch(text)
    expect(existsSync(join(folder, 'refused'))).toBe(false)
  })
})

test('evaluate prints the table again, and writes the answers', async () => {
  const file = join(folder, 'run', 'predictions', 'test.json')
  const own = readFileSync(file, 'utf8')
  rmSync(file)
  const { code, out, err } = await run(['evaluate', 'run'], folder)
  expect(code, err).toBe(0)
  expect(`\n${out}`).toBe(trained.out.slice(trained.out.indexOf('\ntest\n')))
  expect(readFileSync(file, 'utf8')).toBe(own)
  expect(JSON.parse(own)).toHaveLength(16)
  expect(readdirSync(join(folder, 'run', 'predictions')).sort()).toEqual(['test.json', 'validation.json'])
})

describe('predict', () => {
  const ask = (...words: readonly string[]) => run(['predict', 'run', ...words], folder)

  test('says what a text is, in words', async () => {
    const good = await ask('--text', 'the dog sees the cat', '--quiet')
    expect(good).toEqual({ code: 0, out: 'acceptable\n', err: '' })
    expect((await ask('--text', 'the dog horse the cat', '--quiet')).out).toBe('unacceptable\n')
    const { out } = await ask('--text', 'the dog sees the cat', '--json')
    expect(JSON.parse(out)).toEqual({ text: ['the dog sees the cat'], answer: 'acceptable' })
  })

  test.each([
    [[], 'task cola wants a sentence: give --text once'],
    [['--text', 'a', '--text', 'b'], 'task cola wants a sentence: give --text once'],
    [
      ['--text', 'a', '--question', 'what?'],
      'task cola is about text alone: give --text in place of --image and --question',
    ],
  ])('is refused: %j', async (words, text) => {
    expect(await ask(...words)).toEqual(refusal(text))
  })
})
