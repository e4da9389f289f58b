/** Whole runs of every method on both backbones, with dropout: gone on with, saved, opened and scored again. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { methods } from '../../src/methods/index.js'
import { evaluate } from '../../src/training/index.js'
import { openCheckpoint } from '../../src/weights/index.js'
import { metricsOf, runTraining, type World, writeRunnableT5, writeWorld } from '../support/runs.js'
import { tinyBart } from '../support/tinyConfig.js'
import { folderOfFile } from '../support/weights.js'

const folder = folderOfFile()
const worlds = {} as Record<string, World>

/** Options that fit a width of 24, by the method. */
const options: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  adapter: { reductionFactor: 4 },
  lora: { rank: 3 },
  lst: { reductionFactor: 2 },
  prompt: { promptLength: 3, promptWidth: 5 },
}

beforeAll(async () => {
  worlds.t5 = await writeWorld(join(folder, 'world'))
  // The tokenizer is T5's, and so are its ids.
  const ids = { pad_token_id: 0, eos_token_id: 1, decoder_start_token_id: 0, encoder_layers: 1 }
  const backbone = writeRunnableT5(join(folder, 'bart'), { ...tinyBart, ...ids })
  worlds.bart = { ...worlds.t5, backbone }
})

const all = ['t5', 'bart'].flatMap((type) => methods.names.map((method) => [method, type] as const))

describe.each(all)('%s on %s', (method, type) => {
  test('a run gone on with is the run uninterrupted; its checkpoint gives its scores', async () => {
    const world = worlds[type]!
    const at = (name: string) => join(folder, `${type}-${method}-${name}`)
    const settings = { method, methodOptions: options[method] ?? {}, dropout: 0.1, maxSteps: 4, saveEvery: 2 }
    const whole = await runTraining(world, settings, { run: at('whole') })
    await runTraining(world, settings, {
      run: at('cut'),
      stopAt: (event) => event.kind === 'step' && event.step === 2,
    })
    await runTraining(world, {}, { run: at('cut'), resume: true })
    expect(metricsOf(at('cut'))).toEqual(metricsOf(at('whole')))
    const scored = await evaluate(at('whole'), {
      cache: world.cache,
      onNote: () => {},
      report: () => {},
      split: 'test',
    })
    expect(scored.scores.test).toEqual(whole.result.scores.test)
  })
})

test('full fine-tuning of a BART is saved as Hugging Face has it', () => {
  const saved = join(folder, 'bart-full-whole', 'checkpoints', 'step-000004')
  const config = JSON.parse(readFileSync(join(saved, 'config.json'), 'utf8')) as Record<string, unknown>
  expect(config).toMatchObject({ model_type: 'bart', encoder_attention_heads: 4, decoder_ffn_dim: 32 })
  const names = [...openCheckpoint(join(saved, 'model.safetensors')).tensors.keys()]
  expect(names).toEqual(expect.arrayContaining(['final_logits_bias', 'model.decoder.layers.1.fc2.bias']))
})
