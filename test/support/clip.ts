/** A CLIP of a few thousand random weights. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { initialise } from '../../src/models/index.js'
import { type TensorToWrite, writeSafetensors } from '../../src/weights/index.js'
import { clipParameters, readClipConfig } from '../../vl/index.js'

/** Sizes of a tiny CLIP whose heads are 64 wide, as OpenAI's are. */
const tower = { hidden_size: 64, intermediate_size: 256, num_attention_heads: 1, num_hidden_layers: 1 }
export const tinyClip = {
  model_type: 'clip',
  projection_dim: 8,
  text_config: { ...tower, vocab_size: 11, max_position_embeddings: 5, eos_token_id: 10 },
  vision_config: { ...tower, image_size: 8, patch_size: 4 },
}

/** Random weights by Hugging Face's names. */
export function tinyClipWeights(): Map<string, TensorToWrite & { readonly data: Float32Array }> {
  return new Map(
    clipParameters(readClipConfig(tinyClip, 'tiny')).map(({ name, shape }) => {
      const data = new Float32Array(shape.reduce((a, b) => a * b, 1))
      initialise(data, { kind: 'normal', deviation: 0.3 }, 5, name)
      return [name, { name, shape, dtype: 'F32', data }]
    }),
  )
}

/** A folder as Hugging Face's libraries write it. */
export function writeTinyClip(folder: string): string {
  writeFileSync(join(folder, 'config.json'), JSON.stringify(tinyClip))
  writeSafetensors(join(folder, 'model.safetensors'), tinyClipWeights().values())
  return folder
}
