/** What `--vision` understands. */
import { copyFileSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import { publicRuntime } from '../../src/runtime/index.js'
import { type TensorToWrite, writeSafetensors } from '../../src/weights/index.js'
import { randomClip } from '../../vl/clip/weights.js'
import { type NetworkEncoder, openVisionEncoder, type Picture, readClipConfig } from '../../vl/index.js'
import { tinyClip, tinyClipWeights, writeTinyClip } from '../support/clip.js'
import { isLacking, shared, temporaryFolder } from '../support/weights.js'

let [folder, cache] = ['', '']
beforeEach(() => {
  folder = temporaryFolder()
  cache = temporaryFolder()
})

const open = (name: string, fit?: 'squash' | 'crop') =>
  openVisionEncoder(name, { cache, threads: 1, ...(fit ? { fit } : {}) }) as NetworkEncoder

/** 12 wide, 9 high; no two pixels are equal. */
const picture: Picture = {
  name: 'kitchen.png',
  width: 12,
  height: 9,
  data: Uint8Array.from({ length: 12 * 9 * 3 }, (_, i) => (i * 37) % 251),
}

async function featuresOf(encoder: NetworkEncoder): Promise<Float32Array> {
  const features = await encoder.encode([encoder.fit(picture)])
  encoder.close()
  return features
}

test('a name that is none says what there is', () => {
  expect(() => open('random:vit-b31')).toThrow(
    '--vision random:vit-b31: there is no such folder; the nearest name is random:vit-b32: name the folder of a CLIP, ' +
      'or one of patches, builtin, random:vit-b32, random:vit-b16, random:vit-l14',
  )
})

/** The same by OpenAI's names, put together by hand. */
function openAiTensors(): TensorToWrite[] {
  const weights = tinyClipWeights()
  const take = (name: string, from: string): TensorToWrite => ({ ...weights.get(from)!, name })
  const transposed = (name: string, from: string): TensorToWrite => {
    const { shape, data } = weights.get(from)!
    const [rows, columns] = shape as [number, number]
    const turned = Float32Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]!)
    return { name, shape: [columns, rows], dtype: 'F32', data: turned }
  }
  const block = (name: string, from: string) => [
    ...['weight', 'bias'].flatMap((kind) => [
      {
        ...{ name: `${name}.attn.in_proj_${kind}`, dtype: 'F32' as const },
        shape: kind === 'weight' ? [192, 64] : [192],
        data: Float32Array.from(
          ['q', 'k', 'v'].flatMap((part) => [...weights.get(`${from}.self_attn.${part}_proj.${kind}`)!.data]),
        ),
      },
      take(`${name}.attn.out_proj.${kind}`, `${from}.self_attn.out_proj.${kind}`),
      take(`${name}.ln_1.${kind}`, `${from}.layer_norm1.${kind}`),
      take(`${name}.ln_2.${kind}`, `${from}.layer_norm2.${kind}`),
      take(`${name}.mlp.c_fc.${kind}`, `${from}.mlp.fc1.${kind}`),
      take(`${name}.mlp.c_proj.${kind}`, `${from}.mlp.fc2.${kind}`),
    ]),
  ]
  return [
    take('visual.class_embedding', 'vision_model.embeddings.class_embedding'),
    take('visual.conv1.weight', 'vision_model.embeddings.patch_embedding.weight'),
    take('visual.positional_embedding', 'vision_model.embeddings.position_embedding.weight'),
    ...['weight', 'bias'].flatMap((kind) => [
      take(`visual.ln_pre.${kind}`, `vision_model.pre_layrnorm.${kind}`),
      take(`visual.ln_post.${kind}`, `vision_model.post_layernorm.${kind}`),
      take(`ln_final.${kind}`, `text_model.final_layer_norm.${kind}`),
    ]),
    transposed('visual.proj', 'visual_projection.weight'),
    take('token_embedding.weight', 'text_model.embeddings.token_embedding.weight'),
    take('positional_embedding', 'text_model.embeddings.position_embedding.weight'),
    transposed('text_projection', 'text_projection.weight'),
    take('logit_scale', 'logit_scale'),
    { name: 'input_resolution', shape: [], dtype: 'I64', data: BigInt64Array.of(8n) },
    ...block('visual.transformer.resblocks.0', 'vision_model.encoder.layers.0'),
    ...block('transformer.resblocks.0', 'text_model.encoder.layers.0'),
  ]
}

test('random weights are written once, and are the same everywhere', async () => {
  const architecture = { name: 'tiny', config: readClipConfig(tinyClip, 'tiny') }
  const notes: string[] = []
  const make = (folder: string, seed = 0) =>
    randomClip(architecture, { cache: folder, seed, onNote: (text) => notes.push(text) })
  const read = ({ weights }: ReturnType<typeof make>) =>
    weights.readFloat32('vision_model.embeddings.patch_embedding.weight')
  const first = make(cache)
  expect(read(make(cache))).toEqual(read(first))
  expect(notes).toEqual([`random:tiny: writing 0.2 MB of seeded weights into ${cache}, once`])
  const elsewhere = make(temporaryFolder())
  expect([read(elsewhere), elsewhere.identity]).toEqual([read(first), first.identity])
  const other = make(cache, 1)
  expect(read(other)).not.toEqual(read(first))
  expect(other.identity).not.toBe(first.identity)
})

describe("OpenAI's names", () => {
  const write = (tensors: Iterable<TensorToWrite>) => {
    writeSafetensors(join(folder, 'model.safetensors'), tensors)
    return folder
  }

  test("give the features of the same weights under Hugging Face's", async () => {
    const openAi = await featuresOf(open(write(openAiTensors())))
    const other = temporaryFolder()
    writeTinyClip(other)
    expect(openAi).toHaveLength(4 * 64)
    expect(openAi).toEqual(await featuresOf(open(other)))
  })

  test('a tensor that is missing is named', () => {
    write(openAiTensors().filter(({ name }) => name !== 'visual.positional_embedding'))
    expect(() => open(folder)).toThrow('tensor "visual.positional_embedding" is missing')
    write(openAiTensors().filter(({ name }) => name !== 'visual.ln_pre.bias'))
    expect(() => open(folder)).toThrow('tensor "vision_model.pre_layrnorm.bias" is missing')
  })

  test('a ResNet is refused', () => {
    write(openAiTensors().filter(({ name }) => name !== 'visual.proj'))
    expect(() => open(folder)).toThrow(`${folder}: is a ResNet CLIP, which can't be run yet: take a ViT`)
  })
})

describe.skipIf(isLacking('data/clip-mini'))("a folder of Hugging Face's", () => {
  const copyFolder = () => {
    for (const name of ['config.json', 'model.safetensors'])
      copyFileSync(shared('data/clip-mini', name), join(folder, name))
    return folder
  }
  const changeConfig = (change: (config: Record<string, unknown>) => void) => {
    const file = join(copyFolder(), 'config.json')
    const config = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    change(config)
    writeFileSync(file, JSON.stringify(config))
    return file
  }

  test('gives its grid and width, and features of a picture of any size', async () => {
    const encoder = open(copyFolder())
    expect([encoder.featDim, encoder.grid]).toEqual([128, { rows: 8, columns: 8 }])
    const squashed = await featuresOf(encoder)
    expect(squashed).toHaveLength(64 * 128)
    expect(squashed.every(Number.isFinite)).toBe(true)
    expect(await featuresOf(open(folder, 'crop'))).not.toEqual(squashed)
  })

  test('gives the same bits when it is opened again after it was closed', async () => {
    const encoder = open(copyFolder())
    expect(await featuresOf(encoder)).toEqual(await featuresOf(encoder))
  })

  test('gives the same bits through the public interface', async () => {
    const encoder = openVisionEncoder(copyFolder(), { cache, threads: 1, runtime: publicRuntime })
    expect(await featuresOf(encoder as NetworkEncoder)).toEqual(await featuresOf(open(folder)))
  })

  test('has another identity when its weights or the fit are others', () => {
    const first = open(copyFolder()).identity
    expect(open(folder).identity).toBe(first)
    expect(open(folder, 'crop').identity).not.toBe(first)
    utimesSync(join(folder, 'model.safetensors'), 1, 1)
    expect(open(folder).identity).not.toBe(first)
  })

  test.each<[string, string, (config: Record<string, unknown>) => void]>([
    [
      'another architecture',
      '"model_type" is "siglip": pictures need a whole CLIP',
      (config) => (config.model_type = 'siglip'),
    ],
    [
      'a tensor of another shape',
      'where config.json asks for',
      (config) => Object.assign(config.vision_config!, { intermediate_size: 500 }),
    ],
    [
      'a layer that is missing',
      'tensor "vision_model.encoder.layers.4',
      (config) => Object.assign(config.vision_config!, { num_hidden_layers: 5 }),
    ],
    [
      'heads that do not fit',
      "vision_config: 5 heads don't divide 128",
      (config) => Object.assign(config.vision_config!, { num_attention_heads: 5 }),
    ],
    [
      'an unknown activation',
      '"vision_config.hidden_act"',
      (config) => Object.assign(config.vision_config!, { hidden_act: 'swish' }),
    ],
  ])('%s is refused', (_, message, change) => {
    changeConfig(change)
    expect(() => open(folder)).toThrow(UserError)
    expect(() => open(folder)).toThrow(message)
  })

  test('no config.json is refused', () => {
    copyFileSync(shared('data/clip-mini/model.safetensors'), join(folder, 'model.safetensors'))
    expect(() => open(folder)).toThrow(`${folder}: has no config.json`)
  })
})
