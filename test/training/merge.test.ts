/** A run of LoRA becomes a plain model with the same logits, or is refused where something would be lost. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { nativeRuntime } from '../../src/runtime/index.js'
import { openBackbone } from '../../src/training/backbone.js'
import type { PartialConfig } from '../../src/training/config.js'
import { evaluate, merge } from '../../src/training/index.js'
import { openSavedRun } from '../../src/training/trainedRun.js'
import { overlay } from '../../src/weights/index.js'
import { atRest, logitsOf } from '../support/logits.js'
import { runTraining, type World, writeTokenizer } from '../support/runs.js'
import { specOf, writeTinyT5 } from '../support/t5.js'
import { writeTextT5, writeTinyCola } from '../support/texts.js'
import { tinyBart } from '../support/tinyConfig.js'
import { folderOfFile } from '../support/weights.js'

const folder = folderOfFile()
const at = (...parts: readonly string[]) => join(folder, ...parts)
const worlds = {} as Record<'t5' | 'bart', World>

beforeAll(() => {
  const dataset = writeTinyCola(at('data'))
  const ids = { pad_token_id: 0, eos_token_id: 1, decoder_start_token_id: 0 }
  const bart = writeTinyT5(at('bart'), { ...tinyBart, ...ids })
  writeTokenizer(bart, ['cola', 'sentence', ':', '0', '1', 'the', 'dog', 'cat', 'sees', 'hears'])
  worlds.t5 = { backbone: writeTextT5(at('t5')), dataset, cache: at('cache') }
  worlds.bart = { backbone: bart, dataset, cache: at('cache') }
})

const quiet = () => ({ cache: at('cache'), onNote: () => {}, report: () => {} })

async function trained(name: string, type: keyof typeof worlds, over: PartialConfig): Promise<string> {
  const settings = { task: 'cola', vision: null, method: 'lora', variant: 'text', ...over } as const
  await runTraining(worlds[type], settings, { run: at(name) })
  return at(name)
}

/** The largest difference of two logits, in parts of the largest logit. */
function distance(a: Float32Array, b: Float32Array): number {
  const largest = a.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0) / largest
}

const bare = { methodOptions: { bias: 'none', rank: 3 } }
const everywhere = {
  methodOptions: { bias: 'none', rank: 2, targets: ['key', 'output', 'feedForwardIn', 'feedForwardOut'] },
}

describe.each([
  ['t5', 'updates alone', bare],
  ['bart', 'updates alone', bare],
  ['t5', 'updates of other layers', everywhere],
  ['bart', 'updates of other layers', everywhere],
  ['t5', 'a head that trains', { methodOptions: { bias: 'none', rank: 3, head: 'weight' } }],
  ['bart', 'biases that BART has', { variant: 'vision', methodOptions: { rank: 3 } }],
] as const)('%s: %s', (type, what, over) => {
  test('the merged folder gives the logits of the run, and is a backbone like any other', async () => {
    const name = `${type}-${what.replaceAll(' ', '-')}`
    const run = await trained(name, type, over as unknown as PartialConfig)
    const output = at(`${name}-merged`)
    const merged = merge(run, output, quiet())
    expect(merged).toMatchObject({ output, step: 3, backbone: worlds[type].backbone })
    expect(merged.layers).toBeGreaterThan(0)
    expect(readdirSync(output).sort()).toEqual([
      ...['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'],
    ])
    const { prepared, weights } = openSavedRun(run, { ...quiet(), runtime: nativeRuntime })
    const own = await logitsOf(atRest(prepared.spec), overlay(prepared.backbone.weights, weights))
    const { config, weights: plain } = openBackbone(output, quiet())
    const spec = specOf(config, 'full', {}, { vision: false })
    const logits = await logitsOf(atRest(spec), plain)
    expect(distance(own, logits)).toBeLessThan(2e-6)
    expect(distance(own, await logitsOf(atRest(spec), prepared.backbone.weights))).toBeGreaterThan(1e-3)
  })
})

describe('refused in one line, with nothing written', () => {
  test('another method', async () => {
    const run = await trained('bitfit', 't5', { method: 'bitfit' })
    expect(() => merge(run, at('none'), quiet())).toThrow(
      `${run} was trained by method bitfit, whose weights can't be added into a backbone: only those of lora can`,
    )
  })

  test("biases that T5 has no place for, and what to type; the run's scores stay what they were", async () => {
    const run = await trained('biases', 't5', {})
    expect(() => merge(run, at('none'), quiet())).toThrow(
      /biases trained \d+ tensors that a plain t5 has no place for, such as .*\.bias: use .*--lora-bias none$/,
    )
    const { scores } = await evaluate(run, quiet())
    expect(scores.test).toBeDefined()
  })

  test('pictures', async () => {
    const file = join(await trained('pictures', 't5', bare), 'config.yaml')
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^vision: null$/m, 'vision: patches'))
    expect(() => merge(at('pictures'), at('none'), quiet())).toThrow(
      `${at('pictures')} was trained on pictures, and a plain model has no place for their embedding`,
    )
  })

  test('a folder that holds something, a file, no run', async () => {
    const run = await trained('place', 't5', bare)
    expect(() => merge(run, at('t5'), quiet())).toThrow(
      `--output ${at('t5')} is not empty: name another folder`,
    )
    const file = join(at('t5'), 'config.json')
    expect(() => merge(run, file, quiet())).toThrow(`--output ${file} is a file: name a folder`)
    expect(() => merge(at('t5'), at('none'), quiet())).toThrow('no config.yaml is there')
    mkdirSync(at('empty'))
    merge(run, at('empty'), quiet())
    expect(existsSync(at('empty', 'model.safetensors'))).toBe(true)
  })

  test('none of the refusals wrote anything', () => {
    expect(existsSync(at('none'))).toBe(false)
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })
})
