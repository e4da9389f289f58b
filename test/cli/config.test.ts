import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { refusal, refusedHere, run, temporaryFolder } from './program.js'

const folder = temporaryFolder()
let files = 0

function written(text: string, extension = 'yaml'): string {
  const path = join(folder, `${files++}.${extension}`)
  writeFileSync(path, text)
  return path
}

async function printed(...words: readonly string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await run(['train', '--print-config', ...words])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return parse(out) as Record<string, unknown>
}

describe('--print-config', () => {
  test('of nothing but a task is the built-in world, by its own preset', async () => {
    const own = { dataset: 'builtin', vision: 'builtin', backbone: 'builtin', epochs: 5, 'n-boxes': 16 }
    expect(await printed('--task', 'vqa')).toMatchObject(own)
    expect(await printed('--task', 'vqa', '--dataset', 'elsewhere')).toMatchObject({
      epochs: 20,
      'n-boxes': null,
    })
  })

  test('of the built-in BART is that of the built-in T5', async () => {
    const { backbone, ...bart } = await printed('--task', 'vqa', '--backbone', 'builtin-bart')
    expect(backbone).toBe('builtin-bart')
    expect(await printed('--task', 'vqa')).toEqual({ ...bart, backbone: 'builtin' })
  })

  test('of tiny models are two processes, unless something else is said of how the machine is used', async () => {
    const workers = async (...words: readonly string[]) =>
      (await printed('--task', 'vqa', ...words)).workers as number
    expect(await workers()).toBe(availableParallelism() > 1 ? 2 : 1)
    expect(await workers('--workers', '3')).toBe(3)
    const alone = ['--threads 2', '--gpus 0', '--device cpu', '--batch-size 1', '--backbone random:t5-base']
    for (const words of alone) expect(await workers(...words.split(' ')), words).toBe(1)
  })

  test('prints what --config reads back, in YAML and in JSON', async () => {
    const words = [
      '--batch-size',
      '7',
      '--gates',
      'none',
      '--encoder-side-layers',
      '0,2',
      '--decoder-side-layers',
      'none',
    ]
    const settings = await printed(...words)
    expect(settings).toMatchObject({
      'batch-size': 7,
      gates: 'none',
      'encoder-side-layers': [0, 2],
      'decoder-side-layers': 'none',
    })
    expect(await printed('--config', written(stringify(settings)))).toEqual(settings)
    const { out } = await run(['train', '--print-config', '--json', ...words])
    expect(out.match(/\n/g)).toHaveLength(1)
    expect(JSON.parse(out)).toEqual(settings)
    expect(await printed('--config', written(out, 'json'))).toEqual(settings)
  })

  test('the preset is the one of the data set, whose files need not be whole', async () => {
    const dataset = join(folder, 'easy')
    mkdirSync(dataset)
    writeFileSync(join(dataset, 'train-questions.json'), 'not JSON')
    const [paper, easy] = [await printed('--dataset', folder), await printed('--dataset', dataset)]
    expect(paper).toMatchObject({ 'batch-size': 300, epochs: 20, 'tap-norm': false, 'gate-image-rows': true })
    expect(easy).toMatchObject({ 'batch-size': 64, epochs: 6, 'tap-norm': true, 'gate-image-rows': false })
  })

  test('the command line wins over the file, the file over the preset', async () => {
    const file = written('batch-size: 5\nepochs: 9\ntap-norm: on\nreduction: 2\n')
    expect(await printed('--config', file, '--batch-size', '6', '--reduction', '3')).toMatchObject({
      'batch-size': 6,
      epochs: 9,
      reduction: 3,
      'tap-norm': true,
      'learning-rate': 0.0007,
    })
  })

  test('flags are on without a value, and off by off or no-', async () => {
    expect(await printed('--tap-norm')).toMatchObject({ 'tap-norm': true })
    expect(await printed('--tap-norm', 'off')).toMatchObject({ 'tap-norm': false })
    expect(await printed('--gate-image-rows', 'off', '--tap-norm', 'on')).toMatchObject({
      'gate-image-rows': false,
      'tap-norm': true,
    })
    expect(await printed('--no-gate-image-rows')).toMatchObject({ 'gate-image-rows': false })
  })

  test("another method has other options; the built-in world's rate is for all of them", async () => {
    const settings = await printed('--method', 'full', '--encoder-trainable-layers', 'none')
    expect(settings).toMatchObject({
      method: 'full',
      'learning-rate': 0.0007,
      'encoder-trainable-layers': 'none',
      'decoder-trainable-layers': 'all',
      'method-options': {},
    })
    expect(settings).not.toHaveProperty('reduction')
  })
})

describe("the paper's settings", () => {
  const of = (...words: readonly string[]) => printed('--dataset', 'elsewhere', ...words)
  const nine = [1, 2, 3, 5, 6, 7, 9, 10, 11]

  test.each<[readonly string[], Record<string, unknown>]>([
    [['--method', 'full'], { 'learning-rate': 1e-4, 'weight-decay': 0.01, 'batch-size': 300 }],
    [
      ['--method', 'adapter', '--backbone', 'random:bart-base'],
      { 'learning-rate': 1e-3, 'weight-decay': 0.01, 'batch-size': 500, reduction: 8 },
    ],
    [
      ['--method', 'lora', '--backbone', 'random:bart-base'],
      { 'learning-rate': 1e-3, 'batch-size': 500, rank: 128 },
    ],
    [['--method', 'full', '--backbone', 'random:bart-base'], { 'learning-rate': 1e-4, 'task-prompt': false }],
    [['--task', 'rte', '--method', 'lora'], { 'learning-rate': 3e-4, rank: 32 }],
    [
      ['--task', 'rte', '--method', 'prompt'],
      { 'learning-rate': 0.3, accumulate: 2, 'batch-size': 100, 'prompt-length': 100 },
    ],
    [['--task', 'rte', '--method', 'adapter'], { reduction: 16, 'task-prompt': false }],
    [
      ['--task', 'rte', '--backbone', 'random:t5-base'],
      { reduction: 8, 'encoder-side-layers': nine, 'decoder-side-layers': nine },
    ],
    [['--task', 'rte', '--backbone', 'random:t5-3b'], { 'encoder-side-layers': [23] }],
    [['--task', 'rte', '--backbone', 'random:t5-small'], { 'encoder-side-layers': 'all' }],
    [
      ['--task', 'cola', '--backbone', 'random:bart-large', '--head', 'classify'],
      { 'learning-rate': 1e-3, epochs: 10, reduction: 8, 'batch-size': 100 },
    ],
    [['--task', 'rte', '--head', 'classify'], { 'learning-rate': 3e-3, epochs: 10 }],
    [['--task', 'cola', '--head', 'classify', '--method', 'full'], { 'learning-rate': 3e-4 }],
  ])('%j', async (words, settings) => {
    expect(await of(...words)).toMatchObject(settings)
  })
})

describe('--config', () => {
  test('sets options of the method that have no option of their own', async () => {
    const file = written('method-options:\n  gateTemperature: 0.5\n  mergeLast: true\n')
    expect(await printed('--config', file)).toMatchObject({
      'method-options': { gateTemperature: 0.5, mergeLast: true },
    })
  })

  test("reads the names that a run's own config.yaml has", async () => {
    const file = written(
      'batchSize: 5\nmethodOptions: {reductionFactor: 2, variant: vision}\nversions: {node: v1}\n',
    )
    expect(await printed('--config', file)).toMatchObject({ 'batch-size': 5, reduction: 2 })
  })

  test.each([
    [
      'batch_size: 3',
      (f: string) =>
        `${f}: unknown setting "batch_size"; the nearest is "batch-size" (vl-lst train --help lists the options)`,
    ],
    ['resume: x', (f: string) => `${f}: unknown setting "resume" (vl-lst train --help lists the options)`],
    ['batch-size: abc', (f: string) => `${f}: "batch-size" is "abc": give a whole number from 1`],
    ['batch-size: [3]', (f: string) => `${f}: "batch-size" is [3]: give a whole number from 1`],
    ['batch-size:', (f: string) => `${f}: "batch-size" is null: give a whole number from 1`],
    ['task: 3', (f: string) => `${f}: "task" is 3: give a value`],
    ['output: 3', (f: string) => `${f}: "output" is 3: give a path`],
    ['batch-size: 3\nbatchSize: 4', (f: string) => `${f}: "batch-size" is there twice: leave one out`],
    ['batch-size: 3\nbatch-size: 4', (f: string) => `${f}: Map keys must be unique at line 2, column 1`],
    ['- 3', (f: string) => `${f} is not a map of settings: write one a line, such as "batch-size: 64"`],
    ['', (f: string) => `${f} is not a map of settings: write one a line, such as "batch-size: 64"`],
    ['method-options: 3', (f: string) => `${f}: "method-options" is 3: give a map of names and values`],
    [
      'method-options: {gateTemprature: 1}',
      (f: string) =>
        `${f}: "method-options.gateTemprature": method lst has no such option; the nearest is "gateTemperature"`,
    ],
    [
      'method: full\ntap-norm: true',
      (f: string) =>
        `${f}: "tap-norm" is an option of method lst, not of full: leave it out or use --method lst`,
    ],
    [
      'optimizer-options: {epsilon: small}',
      (f: string) => `${f}: "optimizer-options.epsilon" is "small": give a number`,
    ],
  ])('refuses %j, naming the file', async (text, message) => {
    const file = written(text)
    expect(await refusedHere(['train', '--print-config', '--config', file])).toEqual(refusal(message(file)))
  })

  test('a value of the wrong kind in the map of the method is refused by name', async () => {
    const file = written('method-options: {gateTemperature: hot}')
    const { code, err } = await refusedHere(['train', '--print-config', '--config', file])
    expect(code).toBe(2)
    expect(err).toMatch(/^vl-lst: .*: "method-options\.gateTemperature" is "hot": .*\n$/)
  })

  test('a file that is not there or is no YAML', async () => {
    const missing = join(folder, 'missing.yaml')
    expect(await refusedHere(['train', '--config', missing])).toEqual(
      refusal(`--config ${missing} does not exist: name a YAML or JSON file`),
    )
    expect(await refusedHere(['train', '--config', folder])).toEqual(
      refusal(`--config ${folder} can't be read (EISDIR): name a YAML or JSON file`),
    )
    const broken = written('batch-size: [3')
    const { code, err } = await refusedHere(['train', '--config', broken])
    expect(code).toBe(2)
    expect(err).toMatch(/^vl-lst: .*\.yaml: .* at line 1, column \d+\n$/)
  })
})
