/** Small checkpoints that tell themselves apart. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { CheckpointContent } from '../../src/training/checkpoint.js'
import type { RunFolder } from '../../src/training/runFolder.js'

/** Weights of `count` elements and twice as many moments, all of them `value`, by default the step's number. */
export function contentOf(step: number, count = 100, value = step): CheckpointContent {
  const tensor = (name: string, length: number) => ({
    ...{ name, dtype: 'F32' as const, shape: [length] },
    data: new Float32Array(length).fill(value),
  })
  return {
    state: { step, evaluated: step, best: { score: 50.5, step: 1 }, counts: { gate: step }, seconds: 1.5 },
    weights: { file: 'adapter_model.safetensors', tensors: [tensor('gate', count)] },
    config: { file: 'adapter_config.json', json: { peft_type: 'LST' } },
    optimizer: [tensor('exp_avg.gate', 2 * count)],
  }
}

/** An empty run in a folder. */
export function emptyRun(path: string): RunFolder {
  const checkpoints = join(path, 'checkpoints')
  mkdirSync(checkpoints, { recursive: true })
  return { path, checkpoints }
}
