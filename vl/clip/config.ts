/** CLIP's configuration, read from Hugging Face's `config.json`. */
import { z } from 'zod'
import { UserError } from '../../src/base/index.js'

const count = z.int().positive()

const tower = {
  hidden_act: z.enum(['quick_gelu', 'gelu']).default('quick_gelu'),
  layer_norm_eps: z.number().positive().default(1e-5),
}

/** Files leave out what is Hugging Face's default: that of ViT-B/32. */
const fields = z.object({
  projection_dim: count.default(512),
  logit_scale_init_value: z.number().default(2.6592),
  text_config: z
    .object({
      ...tower,
      hidden_size: count.default(512),
      intermediate_size: count.default(2048),
      num_hidden_layers: count.default(12),
      num_attention_heads: count.default(8),
      vocab_size: count.default(49408),
      max_position_embeddings: count.default(77),
      eos_token_id: z.int().nonnegative().default(49407),
    })
    .prefault({}),
  vision_config: z
    .object({
      ...tower,
      hidden_size: count.default(768),
      intermediate_size: count.default(3072),
      num_hidden_layers: count.default(12),
      num_attention_heads: count.default(12),
      image_size: count.default(224),
      patch_size: count.default(32),
      num_channels: z.literal(3).default(3),
    })
    .prefault({}),
})

/** What a block of either tower needs to know. */
export interface TowerSizes {
  readonly width: number
  readonly intermediate: number
  readonly layers: number
  readonly heads: number
  readonly activation: 'quick_gelu' | 'gelu'
  readonly epsilon: number
}

export interface ClipVisionConfig extends TowerSizes {
  /** Pixels a side of the pictures that the position table is for. */
  readonly imageSize: number
  readonly patchSize: number
}

export interface ClipTextConfig extends TowerSizes {
  readonly vocabSize: number
  /** Rows of the position table: the longest text. */
  readonly positions: number
  /** 2: an old file, where the end is the largest id. */
  readonly eosTokenId: number
}

export interface ClipConfig {
  /** Width of the space that both towers are projected into. */
  readonly projectionDim: number
  readonly logitScaleInit: number
  readonly text: ClipTextConfig
  readonly vision: ClipVisionConfig
}

/**
 * @param raw the fields of `config.json` of a `CLIPModel`
 * @param where the file, for messages
 * @throws {UserError} another architecture, a field of the wrong kind, a width that the heads don't divide
 */
export function readClipConfig(raw: Readonly<Record<string, unknown>>, where: string): ClipConfig {
  if (raw.model_type !== 'clip') {
    throw new UserError(
      `${where}: "model_type" is ${JSON.stringify(raw.model_type)}: pictures need a whole CLIP ("clip")`,
    )
  }
  const parsed = fields.safeParse(raw)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new UserError(
      `${where}: "${issue!.path.join('.')}": ${issue!.message}: take the model's own config.json`,
    )
  }
  const { projection_dim: projectionDim, logit_scale_init_value: logitScaleInit, ...towers } = parsed.data
  const { text_config: text, vision_config: vision } = towers
  return {
    ...{ projectionDim, logitScaleInit },
    text: {
      ...sizesOf(text, `${where}: text_config`),
      ...{
        vocabSize: text.vocab_size,
        positions: text.max_position_embeddings,
        eosTokenId: text.eos_token_id,
      },
    },
    vision: {
      ...sizesOf(vision, `${where}: vision_config`),
      ...{ imageSize: vision.image_size, patchSize: vision.patch_size },
    },
  }
}

type Tower = z.infer<typeof fields>['text_config' | 'vision_config']

function sizesOf(given: Tower, where: string): TowerSizes {
  const { hidden_size: width, num_attention_heads: heads } = given
  if (width % heads !== 0)
    throw new UserError(`${where}: ${heads} heads don't divide ${width}: take the model's own config.json`)
  return {
    ...{ width, heads, intermediate: given.intermediate_size, layers: given.num_hidden_layers },
    ...{ activation: given.hidden_act, epsilon: given.layer_norm_eps },
  }
}
