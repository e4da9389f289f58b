/** The `vision` section: how pictures enter the model. */
import { z } from 'zod'
import { type poolings, type VisualEmbeddingOptions, visualEmbeddingDefaults } from '../../vl/index.js'
import type { RecordedCase } from './case.js'
import { checkOptions, only, type Rules, readOptions, to } from './options.js'

const rules: Rules = {
  feat_dim: to('featDim'),
  n_boxes: to('nBoxes'),
  n_images: to('nImages'),
  downsample: to('downsample'),
  oneddownsample: to('oneddownsample'),
  use_vis_order_embedding: to('useVisOrderEmbedding'),
  use_vis_layer_norm: to('useVisLayerNorm'),
  individual_vis_layer_norm: to('individualVisLayerNorm'),
  additional_visual_embedding_layers: to('additionalVisualEmbeddingLayers'),
  pos_dim: only(4),
  sparse_sample: only(false),
  share_vis_lang_layer_norm: to('shareVisLangLayerNorm'),
}

const count = z.int().nonnegative()
const { norm: _, ...defaults } = visualEmbeddingDefaults

const schema = z.object({
  featDim: count,
  nBoxes: count.default(36),
  nImages: count.default(defaults.nImages),
  downsample: z.boolean().default(false),
  oneddownsample: z.boolean().default(false),
  useVisOrderEmbedding: z.boolean().default(defaults.useVisOrderEmbedding),
  useVisLayerNorm: z.boolean().default(defaults.useVisLayerNorm),
  individualVisLayerNorm: z.boolean().default(defaults.individualVisLayerNorm),
  additionalVisualEmbeddingLayers: count.default(defaults.additionalVisualEmbeddingLayers),
  shareVisLangLayerNorm: z.boolean().default(defaults.shareVisLangLayerNorm),
})

export interface CaseVision {
  readonly embedding: VisualEmbeddingOptions
  readonly pooling?: { readonly kind: keyof typeof poolings; readonly nBoxes: number }
}

/** @throws {NotSupported} an option that isn't built */
export function readVision(
  { json }: RecordedCase,
  model: Pick<VisualEmbeddingOptions, 'dModel' | 'norm'>,
): CaseVision | undefined {
  if (!json.vision) return undefined
  const read = checkOptions('vision', readOptions('vision', json.vision, rules), schema)
  const { nBoxes, downsample, oneddownsample, ...embedding } = read
  const kind = oneddownsample ? 'oneddownsample' : downsample ? 'downsample' : undefined
  return { embedding: { ...embedding, ...model }, ...(kind ? { pooling: { kind, nBoxes } } : {}) }
}
