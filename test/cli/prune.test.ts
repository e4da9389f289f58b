/** `vl-lst prune`, and a training that starts from what it wrote. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openSafetensors } from '../../src/weights/index.js'
import { writeRunnableT5, writeTinyData } from '../support/runs.js'
import { refusal, run, temporaryFolder } from './program.js'

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)

beforeAll(async () => {
  writeRunnableT5(at('model'), { num_layers: 1, num_decoder_layers: 1 })
  await writeTinyData(at('data'))
})

const prune = ['prune', '--backbone', 'model', '--reduction', '2', '--threads', '1']
const train = [
  ...['train', '--backbone', 'model', '--dataset', 'data', '--vision', 'patches', '--batch-size', '8'],
  ...['--reduction', '2', '--epochs', '1', '--max-steps', '2', '--threads', '1', '--dropout', '0'],
]

/** Weights whose values a training of nothing but tiny steps leaves as they are. */
const tinySteps = ['--learning-rate', '1e-30']

function expectStart(run: string, file: string): void {
  const saved = openSafetensors(at(join(run, 'last', 'adapter_model.safetensors')))
  const start = openSafetensors(at(file))
  expect(start.tensors.size).toBeGreaterThan(20)
  for (const name of start.tensors.keys())
    expect(saved.readFloat32(name), name).toEqual(start.readFloat32(name))
}

test('writes weights, says what they are and how to use them, and training starts from them', async () => {
  const pruned = await run([...prune, '--importance', 'magnitude-v2', '-o', 'side.safetensors'], folder)
  expect(pruned.code, pruned.err).toBe(0)
  expect(pruned.out).toMatch(/^side\.safetensors: [\d,]+ weights for a ladder of 1\/2, by magnitude-v2\n$/)
  expect(pruned.err).toBe(
    'use them:  vl-lst train --backbone model --reduction 2 --side-init side.safetensors …\n',
  )
  const still = [...train, ...tinySteps, '--side-init', 'side.safetensors', '--output', 'still']
  const { code, err } = await run(still, folder)
  expect(code, err).toBe(0)
  expectStart('still', 'side.safetensors')
})

test('measures on the samples of a task; --json ends with what was made; train by name starts from the same', async () => {
  const words = [...prune, '--task', 'vqa', '--dataset', 'data', '--samples', '5', '--seed', '4', '--json']
  const pruned = await run([...words, '--output', 'fisher.safetensors'], folder)
  expect(pruned.code, pruned.err).toBe(0)
  const lines = pruned.out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(lines.at(-2)).toEqual({ kind: 'preparing', what: 'measuring importance', done: 5, total: 5 })
  expect(lines.at(-1)).toMatchObject({
    ...{ kind: 'result', file: 'fisher.safetensors', parameters: expect.any(Number) },
    settings: {
      ...{ importance: 'fisher-v2', reduction: 2, variant: 'vision', seed: 4 },
      measuredOn: { task: 'vqa', dataset: 'data', samples: 5 },
    },
  })
  const all = await run(
    [...prune, '--dataset', 'data', '--seed', '4', '-o', 'all.safetensors', '--quiet'],
    folder,
  )
  expect(all).toEqual({ code: 0, out: expect.stringMatching(/fisher-v2 on 32 samples of vqa\n$/), err: '' })
  const still = [...train, ...tinySteps, '--seed', '4', '--side-init', 'fisher-v2', '--output', 'named']
  const { code, err } = await run(still, folder)
  expect(code, err).toBe(0)
  expectStart('named', 'all.safetensors')
})

test('a run that goes on needs the file no more, and says in its settings what it began with', async () => {
  mkdirSync(at('once'))
  await run([...prune, '--importance', 'magnitude-stream', '-o', 'once/side.safetensors'], folder)
  const begun = await run([...train, '--side-init', 'once/side.safetensors', '--output', 'going'], folder)
  expect(begun.code, begun.err).toBe(0)
  const settings = await run(['train', '--config', 'going/config.yaml', '--print-config'], folder)
  expect(settings.out).toContain('side-init: once/side.safetensors')
  rmSync(at('once'), { recursive: true })
  const longer = await run(['train', '--resume', 'going', '--max-steps', '3', '--quiet'], folder)
  expect(longer.code, longer.err).toBe(0)
})

test('settings of a file count, and the command line wins', async () => {
  writeFileSync(at('mine.yaml'), 'backbone: model\nreduction: 10\nbatch-size: 8\n')
  const words = [
    'prune',
    '--config',
    'mine.yaml',
    '--importance',
    'magnitude-stream',
    '-o',
    'ten.safetensors',
  ]
  expect((await run(words, folder)).out).toContain('a ladder of 1/10, by magnitude-stream')
  expect((await run([...words, '--reduction', '2'], folder)).out).toContain('a ladder of 1/2, by')
})

describe('is refused in one line, and writes nothing', () => {
  const sizes = "take a --reduction that divides the backbone's widths, or another importance"
  test.each([
    [[], '--output is missing: name the file to write, such as -o side.safetensors'],
    [['-o', 'no/where.safetensors'], '--output no/where.safetensors: no does not exist: make it first'],
    [['-o', 'data'], '--output data is a folder: name a .safetensors file in it'],
    [['-o', 'x', '--importance', 'v2'], /^--importance v2: give one of fisher-v2, .*magnitude-stream\n$/],
    [['-o', 'x', '--samples', '0'], '--samples 0: give a whole number from 1'],
    [['-o', 'x', '--reduction', 'two'], '--reduction two: give a whole number from 1'],
    [
      ['-o', 'x', '--dataset', 'data', '--samples', '33'],
      'data has 32 training samples, and Fisher importance is asked for on 33: ask for 32 or fewer',
    ],
    [['-o', 'x', '--backbone', 'nowhere'], /^--backbone nowhere: there is no such folder/],
    [['-o', 'x', '--dataset', 'nowhere'], /^--dataset nowhere does not exist/],
    [
      ['-o', 'x', '--task', 'vpa'],
      'unknown task "vpa"; the nearest is "vqa" (all: vqa, cola, sst2, mrpc, qqp, stsb, mnli, qnli, rte)',
    ],
    [
      ['-o', 'x', '--importance', 'magnitude-v2', '--reduction', '5'],
      `magnitude-v2 leaves "encoder.block.0.layer.0.layer_norm.weight" (5) where a ladder of --reduction 5 has (4): ${sizes}`,
    ],
    [['-o', 'x', '--vision', 'patches'], /^unknown option --vision\b/],
  ] as const)('prune %j', async (words, text) => {
    const ended = await run([...prune, ...words], folder)
    if (typeof text === 'string') expect(ended).toEqual(refusal(text))
    else
      expect({ ...ended, err: ended.err.replace('vl-lst: ', '') }).toEqual({
        code: 2,
        out: '',
        err: expect.stringMatching(text),
      })
    expect(existsSync(at('x'))).toBe(false)
  })

  test.each([
    [
      ['--side-init', 'fisher-v'],
      /^--side-init fisher-v: there is no such file; the nearest name is "fisher-v2": name a file of vl-lst prune, or one of random, fisher-v2/,
    ],
    [['--side-init', 'data'], /^data: is a folder/],
    [
      ['--side-init', 'model/model.safetensors'],
      /^model\/model\.safetensors: does not say what it was made of/,
    ],
  ])('train %j', async (words, text) => {
    const { code, out, err } = await run([...train, ...words, '--output', 'x'], folder)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err.replace('vl-lst: ', '')).toMatch(text)
    expect(err.trimEnd().split('\n')).toHaveLength(1)
    expect(existsSync(at('x'))).toBe(false)
  })
})
