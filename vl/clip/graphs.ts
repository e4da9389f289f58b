/** Graphs of a CLIP: its towers to be run, and the contrastive loss to be trained. */
import { add, input, reshape, slice, type Tensor } from '../../src/graph/index.js'
import {
  type BuiltGraph,
  buildModel,
  builtGraph,
  type ModelBuild,
  type ParameterSpec,
  parametersOf,
  trainedGradients,
} from '../../src/models/index.js'
import type { ClipConfig } from './config.js'
import { contrast, contrastiveLoss } from './contrastive.js'
import { textEmbeds, textTower } from './text.js'
import type { Trace } from './transformer.js'
import { imageEmbeds, regionStates, visionTower } from './vision.js'

export interface ClipGraphOptions {
  /** Which parameters are trained: fed by name, with a gradient in {@link contrastiveGraph}. */
  readonly trains?: (name: string) => boolean
  /** Names of values to be outputs. */
  readonly outputs?: readonly string[]
}

/** Pixels of the pictures that go in. */
export interface PictureSize {
  readonly height: number
  readonly width: number
}

const startModel = ({ trains = () => false }: ClipGraphOptions) => buildModel({ trains })

const pixelsOf = (config: ClipConfig, size?: PictureSize) => {
  const { height, width } = size ?? { height: config.vision.imageSize, width: config.vision.imageSize }
  return input('pixelValues', ['batch', 3, height, width])
}
const words = (name: string, texts = 'batch', length = 'text') => input(name, [texts, length], 'int64')

/**
 * Input: `pixelValues` [batch, 3, height, width]. Outputs: `lastHiddenState` [batch, positions + 1, width] before the
 * last norm, `grid` the same without the class token, `pooled` [batch, width], `imageEmbeds` [batch, projection], not
 * normalised; or those named, which may be `positions` (the table, resized), `embeddings` (before the first norm),
 * `vision.I` (before block I, and after the last), `vision.normed` (all tokens after the last norm).
 *
 * @param options.size of the pictures; by default the model's own
 */
export function visionGraph(
  config: ClipConfig,
  options: ClipGraphOptions & { readonly size?: PictureSize } = {},
): BuiltGraph {
  const model = startModel(options)
  const seen = new Map<string, Tensor>()
  const trace: Trace = (name, value) => seen.set(name, value)
  const states = visionTower(model.root, config, pixelsOf(config, options.size), trace)
  const grid = withoutClassToken(states.lastHiddenState)
  const embeds = imageEmbeds(model.root, config, states.pooled)
  return chosen(model, { ...states, grid, imageEmbeds: embeds }, seen, options)
}

function withoutClassToken(states: Tensor): Tensor {
  return slice(states, 1, 1, states.shape[1]!)
}

/**
 * Inputs: `inputIds` int64 [batch, text] and, if `masked`, `attentionMask` int64 [batch, text]. Outputs:
 * `lastHiddenState` [batch, text, width] after the last norm, `pooled` [batch, width], `textEmbeds` [batch, projection],
 * not normalised; or those named, which may be `text.I`.
 */
export function textGraph(
  config: ClipConfig,
  options: ClipGraphOptions & { readonly masked?: boolean } = {},
): BuiltGraph {
  const model = startModel(options)
  const seen = new Map<string, Tensor>()
  const mask = options.masked ? words('attentionMask') : undefined
  const states = textTower(model.root, config, words('inputIds'), mask, (name, value) =>
    seen.set(name, value),
  )
  const embeds = textEmbeds(model.root, config, states.pooled)
  return chosen(model, { ...states, textEmbeds: embeds }, seen, options)
}

/**
 * Training. Inputs: `pixelValues` [batch, 3, height, width], `inputIds` and `attentionMask` int64 [batch, text], the
 * trained parameters by name, and `targets` [batch, batch] if asked for. Outputs: `loss` [], `grad/NAME` of every trained
 * parameter, and those named of `logitsPerImage`, `logitsPerText` [batch, batch], `imageEmbeds`, `textEmbeds`
 * [batch, projection] of length 1.
 *
 * @param options.trains all parameters by default
 * @param options.regions places in the pictures have texts too (Zhong et al. 2022, RegionCLIP): their loss is added.
 *   Inputs `regions` [batch, regions, positions + 1], the shares of the positions in each, the class token first;
 *   `regionIds` and `regionMask` int64 [regionTexts, regionText]; `regionTargets` [batch, regions, regionTexts] as `targets`
 * @param options.targets the loss is against the input `targets` instead of the diagonal: where texts of a batch are
 *   equal, give each 1/n of what the n equal ones have (rows and columns sum to one)
 */
export function contrastiveGraph(
  config: ClipConfig,
  options: ClipGraphOptions & { readonly targets?: boolean; readonly regions?: boolean } = {},
): BuiltGraph {
  const model = startModel({ trains: () => true, ...options })
  const { images, texts, states } = towers(model, config)
  const compared = contrast(model.root, config, images, texts)
  const targets = options.targets ? input('targets', ['batch', 'batch']) : undefined
  const whole = contrastiveLoss(compared, targets)
  const loss = options.regions ? add(whole, regionLoss(model, config, states)) : whole
  const seen = new Map(Object.entries<Tensor>({ ...compared }))
  const also = Object.fromEntries((options.outputs ?? []).map((name) => [name, found(seen, name)]))
  return builtGraph({ loss, ...also, ...trainedGradients(loss, model) }, model)
}

/** The contrastive loss of places in pictures and the texts about them. */
function regionLoss({ root }: ModelBuild, config: ClipConfig, states: Tensor): Tensor {
  const shares = input('regions', ['batch', 'regions', states.shape[1]!])
  const seen = regionStates(root, config, states, shares)
  const [ids, mask] = ['regionIds', 'regionMask'].map((name) => words(name, 'regionTexts', 'regionText'))
  const read = textTower(root, config, ids!, mask).pooled
  const compared = contrast(root, config, imageEmbeds(root, config, seen), textEmbeds(root, config, read))
  const targets = input('regionTargets', ['batch', 'regions', 'regionTexts'])
  return contrastiveLoss(compared, reshape(targets, compared.logitsPerImage.shape))
}

/** All parameters of a CLIP by Hugging Face's names, with their start values. */
export function clipParameters(config: ClipConfig): readonly ParameterSpec[] {
  const model = startModel({})
  const { images, texts } = towers(model, config)
  contrast(model.root, config, images, texts)
  return parametersOf(model)
}

/** Those of the vision tower alone, without its projection. */
export function visionParameters(config: ClipConfig): readonly ParameterSpec[] {
  const model = startModel({})
  visionTower(model.root, config, pixelsOf(config))
  return parametersOf(model)
}

/** Both towers' projected states, not normalised, and all of the pictures' before the last norm. */
function towers(model: ModelBuild, config: ClipConfig) {
  const vision = visionTower(model.root, config, pixelsOf(config))
  const text = textTower(model.root, config, words('inputIds'), words('attentionMask'))
  return {
    images: imageEmbeds(model.root, config, vision.pooled),
    texts: textEmbeds(model.root, config, text.pooled),
    states: vision.lastHiddenState,
  }
}

function chosen(
  model: ModelBuild,
  usual: Readonly<Record<string, Tensor>>,
  seen: ReadonlyMap<string, Tensor>,
  { outputs = Object.keys(usual) }: ClipGraphOptions,
): BuiltGraph {
  const all = new Map([...seen, ...Object.entries(usual)])
  return builtGraph(Object.fromEntries(outputs.map((name) => [name, found(all, name)])), model)
}

function found(values: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const value = values.get(name)
  if (!value) throw new Error(`a CLIP has no value "${name}" (all: ${[...values.keys()].join(', ')})`)
  return value
}
