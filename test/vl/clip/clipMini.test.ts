/** A small CLIP that was trained, against what Hugging Face's code recorded of it. */
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { PictureSource } from '../../../datasets/index.js'
import type { BuiltGraph } from '../../../src/models/index.js'
import { float32, int64, nativeRuntime, type Tensors, weightsIn } from '../../../src/runtime/index.js'
import { openTokenizer, padBatch } from '../../../src/text/index.js'
import { type ClipWeights, openClipFolder } from '../../../vl/clip/weights.js'
import {
  decodePicture,
  imageFits,
  normalisation,
  normalisePixels,
  openVisionEncoder,
  textGraph,
  visionGraph,
} from '../../../vl/index.js'
import { clipStatistics } from '../../../vl/normalise.js'
import { openFeatures } from '../../../vl/tasks/index.js'
import { openVqa } from '../../support/dataSets.js'
import { folderOfFile, isLacking, shared } from '../../support/weights.js'

interface RecordedPicture {
  readonly file: string
  readonly image_features: readonly number[]
  readonly last_hidden_state_first8: readonly (readonly number[])[]
  readonly logits_per_image: readonly number[]
}

interface Recorded {
  readonly texts: readonly string[]
  readonly input_ids: readonly (readonly number[])[]
  readonly more_texts: Readonly<Record<string, readonly number[]>>
  readonly logit_scale: number
  readonly text_features: { readonly 'first 8 values of each': readonly (readonly number[])[] }
  readonly images: readonly RecordedPicture[]
  readonly zero_shot_test: { readonly 'labels of all test images, by index of texts': readonly number[] }
  readonly tolerance: { readonly rtol: string; readonly atol: string }
}

const folder = shared('data/clip-mini')

describe.skipIf(isLacking('data/clip-mini') || isLacking('data/easy-vqa'))('clip-mini', () => {
  const cache = folderOfFile()
  let recorded: Recorded
  let clip: ClipWeights
  let pictures: PictureSource
  let texts: Float32Array
  beforeAll(async () => {
    recorded = JSON.parse(readFileSync(`${folder}/recorded.json`, 'utf8')) as Recorded
    clip = openClipFolder(folder, cache)
    pictures = (await openVqa(shared('data/easy-vqa'))).pictures
    texts = await textEmbeds()
  })

  async function run({ graph }: BuiltGraph, feeds: Tensors): Promise<Tensors> {
    const weights = weightsIn(graph, clip.weights.tensors)
    const session = await nativeRuntime.createSession(graph, { weights, threads: 2 })
    try {
      return await session.run(feeds)
    } finally {
      session.close()
    }
  }

  /** Of the recorded texts, [24, 64]. */
  async function textEmbeds(): Promise<Float32Array> {
    const { ids, length } = padBatch(recorded.input_ids, clip.config.text.eosTokenId)
    const inputIds = int64([recorded.texts.length, length], ids)
    return (await run(textGraph(clip.config, { outputs: ['textEmbeds'] }), { inputIds })).textEmbeds!.floats
  }

  async function pixelsOf(ids: readonly string[]) {
    const { imageSize } = clip.config.vision
    const each = 3 * imageSize ** 2
    const values = new Float32Array(ids.length * each)
    for (const [i, id] of ids.entries()) {
      const picture = await decodePicture(await pictures.read(id), id)
      const square = imageFits.squash(picture, imageSize)
      normalisePixels(square, normalisation(clipStatistics), values, i * each)
    }
    return float32([ids.length, 3, imageSize, imageSize], values)
  }

  /** Scaled cosines of one picture with all texts. */
  function logitsOf(image: Float32Array): number[] {
    const length = (vector: Float32Array) => Math.hypot(...vector)
    return recorded.texts.map((_, i) => {
      const text = texts.subarray(i * 64, (i + 1) * 64)
      const product = text.reduce((sum, value, k) => sum + value * image[k]!, 0)
      return (recorded.logit_scale * product) / (length(text) * length(image))
    })
  }

  const isClose = (got: ArrayLike<number>, want: readonly number[]) => {
    const { rtol, atol } = recorded.tolerance
    const allowed = Number(atol) + Number(rtol) * Math.max(...want.map(Math.abs))
    expect(Math.max(...want.map((value, i) => Math.abs(got[i]! - value)))).toBeLessThan(allowed)
  }

  const testIds = (count: number, first = 0) => Array.from({ length: count }, (_, i) => `test/${first + i}`)

  test('texts have the recorded ids', () => {
    const tokenizer = openTokenizer(folder)
    expect(recorded.texts.map((text) => tokenizer.encode(text))).toEqual(recorded.input_ids)
    for (const [text, ids] of Object.entries(recorded.more_texts))
      expect([text, tokenizer.encode(text)]).toEqual([text, ids])
  })

  test('text features', () => {
    for (const [i, want] of recorded.text_features['first 8 values of each'].entries())
      isClose(texts.subarray(i * 64), want)
  })

  test('states, features and logits of pictures', async () => {
    const ids = recorded.images.map(({ file }) => file.replace('-images.tar:', '/').replace('.png', ''))
    const { lastHiddenState, imageEmbeds } = await run(visionGraph(clip.config), {
      pixelValues: await pixelsOf(ids),
    })
    for (const [i, want] of recorded.images.entries()) {
      const image = imageEmbeds!.floats.subarray(i * 64, (i + 1) * 64)
      isClose(image, want.image_features)
      isClose(logitsOf(image), want.logits_per_image)
      for (const [row, first8] of want.last_hidden_state_first8.entries())
        isClose(lastHiddenState!.floats.subarray((i * 65 + row) * 128), first8)
    }
  })

  test('the best text of all test pictures', { timeout: 60_000 }, async () => {
    const labels = recorded.zero_shot_test['labels of all test images, by index of texts']
    const built = visionGraph(clip.config, { outputs: ['imageEmbeds'] })
    const best: number[] = []
    for (let begin = 0; begin < labels.length; begin += 100) {
      const ids = testIds(100, begin)
      const { imageEmbeds } = await run(built, { pixelValues: await pixelsOf(ids) })
      for (const i of ids.keys()) {
        const logits = logitsOf(imageEmbeds!.floats.subarray(i * 64, (i + 1) * 64))
        best.push(logits.indexOf(Math.max(...logits)))
      }
    }
    expect(best).toEqual(labels)
  })

  test('as a vision encoder it gives the states of all positions but the class token', async () => {
    const encoder = openVisionEncoder(folder, { cache, threads: 2 })
    const ids = testIds(3)
    const features = await openFeatures(pictures, ids, encoder)
    expect([features.positions, features.featDim]).toEqual([64, 128])
    for (const [i, want] of recorded.images.slice(0, 3).entries()) {
      const got = await features.features(ids[i]!)
      expect(got).toHaveLength(64 * 128)
      for (const [row, first8] of want.last_hidden_state_first8.slice(1).entries())
        isClose(got.subarray(row * 128), first8)
    }
    if (encoder.kind === 'network') encoder.close()
  })
})
