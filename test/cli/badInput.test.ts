/** What is wrong with the user's files is said in one line before the first step, and nothing is lost. */
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { copiedT5, refusal, run, smallEasyVqa, t5Mini, temporaryFolder } from './program.js'

const folder = temporaryFolder()
const dataset = join(folder, 'easy-vqa')

beforeAll(() => smallEasyVqa(dataset))

const words = (over: Readonly<Record<string, string>>) =>
  Object.entries({
    backbone: t5Mini,
    dataset,
    vision: 'patches',
    'max-steps': '2',
    output: join(folder, 'run'),
    ...over,
  }).flatMap(([name, value]) => [`--${name}`, value])

async function refused(over: Readonly<Record<string, string>>): Promise<string> {
  const { code, out, err } = await run(['train', ...words(over)], folder)
  expect({ code, out, lines: err.split('\n').length }, err).toEqual({ code: 2, out: '', lines: 2 })
  return err
}

/** A backbone that something was done to. */
function damaged(damage: (path: string) => void): string {
  const path = copiedT5(join(temporaryFolder(), 't5'))
  damage(path)
  return path
}

function edit(file: string, change: (text: string) => string): void {
  writeFileSync(file, change(readFileSync(file, 'latin1')), 'latin1')
}

describe('a backbone', () => {
  test('that is not there', async () => {
    expect(await refused({ backbone: join(folder, 'nowhere') })).toContain('nowhere: there is no such folder')
  })

  test('without model.safetensors', async () => {
    const backbone = damaged((path) => rmSync(join(path, 'model.safetensors')))
    expect(await refused({ backbone })).toContain(`${backbone}: has no model.safetensors`)
  })

  test('whose model.safetensors is cut short', async () => {
    const backbone = damaged((path) => truncateSync(join(path, 'model.safetensors'), 5_000_000))
    expect(await refused({ backbone })).toContain(`${backbone}/model.safetensors: is cut short`)
  })

  test('whose tensor has another shape than config.json says', async () => {
    const backbone = damaged((path) =>
      edit(join(path, 'config.json'), (text) => text.replace('"d_ff": 512', '"d_ff": 256')),
    )
    expect(await refused({ backbone })).toMatch(
      /"encoder\.block\.0\.layer\.1\.DenseReluDense\.wi\.weight" is \(512, 128\).*\(256, 128\)/,
    )
  })

  test('whose tensor has another name', async () => {
    const name = 'encoder.block.1.layer.0.SelfAttention.k.weight'
    const backbone = damaged((path) =>
      edit(join(path, 'model.safetensors'), (text) => text.replace(name, name.replace('.k.', '.z.'))),
    )
    expect(await refused({ backbone })).toContain(`tensor "${name}" is missing`)
  })

  test('of an unknown architecture', async () => {
    const backbone = damaged((path) =>
      edit(join(path, 'config.json'), (text) => text.replace('"model_type": "t5"', '"model_type": "llama"')),
    )
    expect(await refused({ backbone })).toContain(`${backbone}/config.json: "model_type" is "llama"`)
  })

  test('without tokenizer.json, when none is named', async () => {
    const backbone = damaged((path) => rmSync(join(path, 'tokenizer.json')))
    expect(await refused({ backbone })).toContain('name a folder that has one with --tokenizer')
  })
})

describe('a data set', () => {
  test('that is not there', async () => {
    expect(await run(['train', ...words({ dataset: 'nowhere' })], folder)).toEqual(
      refusal('--dataset nowhere does not exist: name a folder with a data set'),
    )
  })

  test('whose layout nobody knows', async () => {
    expect(await refused({ dataset: t5Mini })).toContain('has no layout that is understood')
  })

  test('with an answer that is not a string', async () => {
    const bad = await smallEasyVqa(join(folder, 'bad-answer'))
    writeFileSync(join(bad, 'train-questions.json'), '[["what is it?", "circle", 0], ["what is it?", 3, 1]]')
    expect(await refused({ dataset: bad })).toMatch(/train-questions\.json.*"answer".*not a string/)
  })

  test('with a missing field', async () => {
    const bad = await smallEasyVqa(join(folder, 'bad-row'))
    writeFileSync(join(bad, 'train-questions.json'), '[["what is it?", "circle"]]')
    expect(await refused({ dataset: bad })).toMatch(/train-questions\.json.*"image id"/)
  })

  test('with a picture that is none', async () => {
    const bad = await smallEasyVqa(join(folder, 'bad-picture'))
    edit(join(bad, 'train-images.tar'), (text) => text.replaceAll('PNG', 'GNP'))
    expect(await refused({ dataset: bad })).toMatch(/train-images\.tar: \d+\.png/)
  })
})

describe('an output folder', () => {
  test('that holds something is refused, and stays as it is', async () => {
    const output = join(folder, 'full')
    mkdirSync(output)
    writeFileSync(join(output, 'precious'), 'kept')
    expect(await refused({ output })).toContain(`--output ${output} is not empty`)
    expect(readdirSync(output)).toEqual(['precious'])
  })

  test('that is a file is refused, and stays as it is', async () => {
    const output = join(folder, 'file')
    writeFileSync(output, 'kept')
    expect(await refused({ output })).toContain(`--output ${output} is a file`)
    expect(readFileSync(output, 'utf8')).toBe('kept')
  })

  test('whose parent is a file', async () => {
    writeFileSync(join(folder, 'parent'), '')
    expect(await refused({ output: join(folder, 'parent', 'run') })).toContain('cannot be written')
  })

  test.runIf(process.platform === 'linux')('that nobody may make', async () => {
    expect(await refused({ output: '/proc/vl-lst-run' })).toContain('cannot be written')
  })
})

test('a refused run leaves no folder behind', () => {
  expect(readdirSync(folder)).not.toContain('run')
  expect(readdirSync(folder)).not.toContain('runs')
})
