/** What training the built-in T5 and the built-in CLIP have in common. */
import { writeFileSync } from 'node:fs'
import { float32ToFloat16, writeSafetensors } from '../../dist/src/weights/index.js'

/** Every weight starts by its initializer. */
export const noCheckpoint = { tensors: new Map(), files: [] }

const warmup = 0.03

/** Linear warm-up, then half a cosine to zero. */
export function rateAt(step, steps, most) {
  const warm = Math.max(1, Math.round(steps * warmup))
  if (step < warm) return (most * (step + 1)) / warm
  return 0.5 * most * (1 + Math.cos((Math.PI * (step - warm)) / (steps - warm)))
}

/** A Hugging Face folder's `config.json` and `model.safetensors`, in 16 bits. */
export function saveModel(folder, config, { parameters }) {
  const tensors = [...parameters.values()].map(({ name, shape, value }) => {
    const data = new Uint16Array(value.floats.length)
    float32ToFloat16(value.floats, data)
    return { name, dtype: 'F16', shape, data }
  })
  writeSafetensors(`${folder}/model.safetensors`, tensors, { format: 'pt' })
  writeFileSync(`${folder}/config.json`, `${JSON.stringify(config, undefined, 2)}\n`)
}
