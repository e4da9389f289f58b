/** CLIPs whose weights have OpenAI's names (its `model.py`), as those of Hugging Face. */
import { UserError } from '../../src/base/index.js'
import type { Checkpoint } from '../../src/weights/index.js'
import type { ClipConfig, TowerSizes } from './config.js'

/** A tensor under its Hugging Face name; read when it is asked for. */
export interface TranslatedTensor {
  readonly name: string
  readonly shape: readonly number[]
  read(): Float32Array
}

const visualStem = 'visual.conv1.weight'

/** Whether the tensors are named as OpenAI does. */
export function hasOpenAiNames({ tensors }: Checkpoint): boolean {
  return tensors.has(visualStem) && tensors.has('text_projection') && !tensors.has('text_projection.weight')
}

/** Whether the image tower is a vision transformer rather than a ResNet. */
export function isTransformer({ tensors }: Checkpoint): boolean {
  return tensors.has('visual.proj')
}

const vision = 'vision_model'
const text = 'text_model'

/** Beginnings of names, longest first where one begins another. */
const names: readonly (readonly [openAi: string, huggingFace: string])[] = [
  ['visual.class_embedding', `${vision}.embeddings.class_embedding`],
  ['visual.conv1.', `${vision}.embeddings.patch_embedding.`],
  ['visual.positional_embedding', `${vision}.embeddings.position_embedding.weight`],
  ['visual.ln_pre.', `${vision}.pre_layrnorm.`],
  ['visual.ln_post.', `${vision}.post_layernorm.`],
  ['visual.proj', 'visual_projection.weight'],
  ['visual.transformer.resblocks.', `${vision}.encoder.layers.`],
  ['token_embedding.', `${text}.embeddings.token_embedding.`],
  ['positional_embedding', `${text}.embeddings.position_embedding.weight`],
  ['ln_final.', `${text}.final_layer_norm.`],
  ['text_projection', 'text_projection.weight'],
  ['logit_scale', 'logit_scale'],
  ['transformer.resblocks.', `${text}.encoder.layers.`],
]

/** Parts of a block's names. */
const parts: readonly (readonly [openAi: string, huggingFace: string])[] = [
  ['.attn.', '.self_attn.'],
  ['.ln_1.', '.layer_norm1.'],
  ['.ln_2.', '.layer_norm2.'],
  ['.mlp.c_fc.', '.mlp.fc1.'],
  ['.mlp.c_proj.', '.mlp.fc2.'],
]

const transposed = ['visual.proj', 'text_projection']

/** All parameters that Hugging Face has; what it lacks (`input_resolution` and the like) is left out. */
export function translateOpenAi(checkpoint: Checkpoint): readonly TranslatedTensor[] {
  return [...checkpoint.tensors].flatMap(([name, { shape }]) => {
    const start = names.find(([openAi]) => name.startsWith(openAi))
    if (!start) return []
    const renamed = parts.reduce(
      (given, [openAi, huggingFace]) => given.replace(openAi, huggingFace),
      name.replace(...start),
    )
    const read = () => checkpoint.readFloat32(name)
    if (/\.in_proj_(weight|bias)$/.test(renamed)) return thirds(renamed, shape, read)
    if (!transposed.includes(name)) return [{ name: renamed, shape, read }]
    const [rows, columns] = shape as readonly [number, number]
    return [{ name: renamed, shape: [columns, rows], read: () => transpose(read(), rows, columns) }]
  })
}

/** Query, key and value lie one behind the other. */
function thirds(name: string, shape: readonly number[], read: () => Float32Array): TranslatedTensor[] {
  const [rows = 0, ...rest] = shape
  return ['q_proj', 'k_proj', 'v_proj'].map((projection, i) => ({
    name: name.replace(/in_proj_(\w+)$/, `${projection}.$1`),
    shape: [rows / 3, ...rest],
    read() {
      const all = read()
      return all.subarray((i * all.length) / 3, ((i + 1) * all.length) / 3)
    },
  }))
}

function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  return values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!)
}

/**
 * The configuration that the shapes tell (`build_model`'s rules). Heads are in no file: 64 wide, unless given.
 *
 * @throws {UserError} a tensor that is missing, a width that 64 doesn't divide
 */
export function openAiConfig(
  { tensors, files }: Checkpoint,
  heads: { readonly vision?: number; readonly text?: number } = {},
): ClipConfig {
  const shapeOf = (name: string) => {
    const tensor = tensors.get(name)
    if (!tensor) throw new UserError(`${files[0]}: tensor "${name}" is missing: take a whole CLIP`)
    return tensor.shape
  }
  const size = (name: string, axis: number) => shapeOf(name).at(axis)!
  const headsOf = (width: number) => {
    if (width % 64 === 0) return width / 64
    throw new UserError(`${files[0]}: its width ${width} is no multiple of 64: take an original CLIP`)
  }
  const tower = (prefix: string, width: number, given = headsOf(width)): TowerSizes => ({
    ...{ width, heads: given, activation: 'quick_gelu', epsilon: 1e-5 },
    intermediate: size(`${prefix}transformer.resblocks.0.mlp.c_fc.weight`, 0),
    layers: [...tensors.keys()].filter(
      (name) => name.startsWith(`${prefix}transformer.`) && name.endsWith('.attn.in_proj_weight'),
    ).length,
  })
  const patchSize = size(visualStem, -1)
  const side = Math.round(Math.sqrt(size('visual.positional_embedding', 0) - 1))
  return {
    projectionDim: size('text_projection', 1),
    logitScaleInit: Math.log(1 / 0.07),
    vision: {
      ...tower('visual.', size(visualStem, 0), heads.vision),
      ...{ patchSize, imageSize: patchSize * side },
    },
    text: {
      ...tower('', size('ln_final.weight', 0), heads.text),
      vocabSize: size('token_embedding.weight', 0),
      positions: size('positional_embedding', 0),
      eosTokenId: 2,
    },
  }
}
