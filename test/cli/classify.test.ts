/** `--head classify`: texts sorted by a classifier over BART's encoder, trained, scored again, asked. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openSafetensors } from '../../src/weights/index.js'
import { writeTextBart, writeTextT5, writeTinyCola, writeTinyStsb } from '../support/texts.js'
import { run, temporaryFolder } from './program.js'

const folder = temporaryFolder()

const data = { cola: 'cola', stsb: 'stsb' } as const
const train = (task: keyof typeof data, output: string, ...words: readonly string[]) =>
  run(
    [
      ...['train', '--task', task, '--dataset', data[task], '--backbone', 'bart', '--head', 'classify'],
      ...['--threads', '1', '--output', output, ...words],
    ],
    folder,
  )
const settings = [
  ...['--method', 'full', '--batch-size', '16', '--learning-rate', '3e-3', '--warmup-steps', '10'],
  ...['--dropout', '0'],
]

beforeAll(() => {
  writeTextBart(join(folder, 'bart'))
  writeTextT5(join(folder, 't5'))
  writeTinyCola(join(folder, 'cola'))
  writeTinyStsb(join(folder, 'stsb'))
})

const tensorsOf = (name: string, file: string) => [
  ...openSafetensors(join(folder, name, 'best', file)).tensors.keys(),
]

/** Trained, and asked again: the scores on the validation file, whole as the reference's are. */
async function scoresOf(output: string, metrics: readonly string[], out: string): Promise<number[]> {
  const lines = [
    'validation',
    'type +count +score',
    ...['overall', ...metrics].map((name) => `${name} +\\d+ +(\\S+)`),
  ]
  const found = new RegExp(`^${lines.join('\\n')}\\n$`).exec(out)
  expect(found, out).not.toBeNull()
  const file = join(folder, output, 'predictions', 'validation.json')
  const own = readFileSync(file, 'utf8')
  rmSync(file)
  const again = await run(['evaluate', output], folder)
  expect(again.out, again.err).toBe(out)
  expect(readFileSync(file, 'utf8')).toBe(own)
  return found!.slice(1).map(Number)
}

describe('classes', () => {
  test('are learned, scored and told in words', async () => {
    const { code, out, err } = await train('cola', 'run', ...settings, '--epochs', '30', '--eval-every', '90')
    expect(code, err).toBe(0)
    expect(err).toContain('96 train, 32 validation samples; 180 steps of 16\n')
    const [overall] = await scoresOf('run', ['matthews_correlation'], out)
    expect(overall).toBeGreaterThan(60)
    const ask = async (text: string) => (await run(['predict', 'run', '--text', text, '--quiet'], folder)).out
    expect(await ask('the dog sees the cat')).toBe('acceptable\n')
    expect(await ask('the dog horse the cat')).toBe('unacceptable\n')
    expect(tensorsOf('run', 'model.safetensors')).toEqual(
      expect.arrayContaining(['classification_head.out_proj.bias', 'model.decoder.layers.0.fc1.weight']),
    )
  })

  test('of a text longer than the backbone has positions, which is cut and told so', async () => {
    const text = Array.from({ length: 30 }, () => 'the dog').join(' ')
    const { code, out, err } = await run(['predict', 'run', '--text', text], folder)
    expect(code, err).toBe(0)
    expect(err).toContain('the text is longer than 20 tokens and is cut\n')
    expect(out).toMatch(/^(un)?acceptable\n$/)
  })

  test("by a ladder beside the encoder, whose checkpoint has that and the classifier's head", async () => {
    const { code, out, err } = await train('cola', 'ladder', '--reduction', '2', '--max-steps', '2')
    expect(code, err).toBe(0)
    await scoresOf('ladder', ['matthews_correlation'], out)
    const names = tensorsOf('ladder', 'adapter_model.safetensors')
    expect(names.filter((name) => !/side|^classification_head\./.test(name))).toEqual([])
    expect(names.filter((name) => name.includes('decoder'))).toEqual([])
    expect(names).toContain('model.encoder.side_block.2.fc1.weight')
    expect(names).toContain('classification_head.dense.weight')
    const about = readFileSync(join(folder, 'ladder', 'best', 'adapter_config.json'), 'utf8')
    expect(JSON.parse(about)).toMatchObject({ method: 'lst', task: 'cola' })
  })

  test('a run goes on as the classifier it was', async () => {
    const { code, err } = await run(['train', '--resume', 'ladder', '--max-steps', '3'], folder)
    expect(code, err).toBe(0)
    expect(readdirSync(join(folder, 'ladder', 'checkpoints'))).toContain('step-000003')
  })
})

test('a score is predicted as a number', async () => {
  const { code, out, err } = await train(
    'stsb',
    'scores',
    ...settings,
    '--epochs',
    '40',
    '--eval-every',
    '160',
  )
  expect(code, err).toBe(0)
  const [, pearson] = await scoresOf('scores', ['pearson', 'spearmanr'], out)
  expect(pearson).toBeGreaterThan(80)
  const said = JSON.parse(readFileSync(join(folder, 'scores', 'predictions', 'validation.json'), 'utf8'))
  expect(new Set(said.map(({ prediction }: { prediction: string }) => prediction)).size).toBeGreaterThan(10) // not classes
  const ask = (...texts: readonly string[]) =>
    run(['predict', 'scores', ...texts.flatMap((text) => ['--text', text]), '--quiet'], folder)
  const nouns = await ask('the dog', 'the cat')
  expect(nouns.out, nouns.err).toMatch(/^\d\.\d\d\n$/)
  expect(Number(nouns.out) - Number((await ask('the hears', 'the sees')).out)).toBeGreaterThan(3)
})

test("a frozen classifier must be the backbone's own, and for as many classes", async () => {
  writeFileSync(join(folder, 'frozen.yaml'), 'method-options: {freezeClassifier: true}\n')
  const frozen = await train('cola', 'refused', '--config', 'frozen.yaml', '--reduction', '2')
  expect({ ...frozen, err: frozen.err.trimEnd().split('\n').at(-1) }).toEqual({
    ...{ code: 2, out: '' },
    err: 'vl-lst: method lst: "freezeClassifier" leaves the classifier as the backbone has it, and bart has none: leave it out',
  })
  const other = await train('stsb', 'refused', '--backbone', 'run/best', '--tokenizer', 'bart', ...settings)
  expect(other.code, other.err).toBe(2)
  expect(other.err.trimEnd().split('\n').at(-1)).toMatch(
    /^vl-lst: run\/best: its classifier is for other classes: "classification_head\.out_proj\.weight" is \(2, 24\), /,
  )
})

test.each([
  [
    ['--backbone', 't5'],
    /^--head classify is not built for method lst on t5: use lst or full on BART and text$/,
  ],
  [['--method', 'adapter'], /^--head classify is not built for method adapter on bart: use lst or full /],
  [
    ['--task', 'vqa'],
    /^--head classify: task vqa is answered in words alone: leave it out, or use --task cola, sst2, mrpc, .*rte$/,
  ],
  [['--head', 'class'], /^--head class: give one of lm, classify$/],
  [
    ['--tokenizer', 't5', '--reduction', '2'],
    /^--head classify reads the end of a text, token 2 of bart, and the tokenizer puts none: name the backbone's own/,
  ],
  [
    ['--reduction', '8'],
    /^--reduction 8 makes a ladder 3 wide, which the encoder's 4 heads don't divide: use 1, 2, 3, 6$/,
  ],
])('refused in one line: %j', async (words, text) => {
  const { code, out, err } = await train('cola', 'refused', ...words)
  expect({ code, out }, err).toEqual({ code: 2, out: '' })
  const last = err.trimEnd().split('\n').at(-1)!
  expect(last).toMatch(/^vl-lst: /)
  expect(last.slice('vl-lst: '.length)).toMatch(text)
  expect(existsSync(join(folder, 'refused'))).toBe(false)
})
