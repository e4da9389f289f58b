import { z } from 'zod'
import { imageFits, normalisation, normalisePixels } from '../../../vl/index.js'
import { type RecordedCase, readValues } from '../case.js'
import type { Kind } from '../kind.js'
import { NotSupported } from '../notSupported.js'
import { floats, integers, numbersOf, type Values } from '../values.js'

const optionsSchema = z.strictObject({
  image_size: z.int().positive(),
  mean: z.tuple([z.number(), z.number(), z.number()]),
  std: z.tuple([z.number(), z.number(), z.number()]),
})

/** `want/FIT.I`, 8 bits, and `want/FIT_pixels.I` of `in/image.I`, by every way to fit a picture into a square. */
export const clipPreprocess: Kind = {
  name: 'clip-preprocess',
  async compute(recorded) {
    const { data, error } = optionsSchema.safeParse(recorded.json.options)
    if (!data) throw new NotSupported(`options: ${error.issues[0]!.message}`)
    const table = normalisation({ mean: data.mean, deviation: data.std })
    const names = [...recorded.inputs.tensors.keys()]
    return {
      values: new Map(names.flatMap((name) => [...fitted(recorded, name, data.image_size, table)])),
    }
  },
}

function* fitted(
  { inputs }: RecordedCase,
  name: string,
  side: number,
  table: Float32Array,
): Generator<readonly [string, Values]> {
  const number = /^image\.(\d+)$/.exec(name)?.[1]
  if (number === undefined) throw new NotSupported(`input in/${name}`)
  const image = readValues(inputs, name)
  const [height, width] = image.shape as readonly [number, number]
  const picture = { width, height, data: Uint8Array.from(numbersOf(image)) }
  for (const [fit, apply] of Object.entries(imageFits)) {
    const square = apply(picture, side)
    const pixels = new Float32Array(square.data.length)
    normalisePixels(square, table, pixels)
    yield [`want/${fit}.${number}`, integers([side, side, 3], [...square.data])]
    yield [`want/${fit}_pixels.${number}`, floats([3, side, side], pixels)]
  }
}
