/** From a configuration to the model to build. */
import { findReader } from '../../datasets/index.js'
import {
  openVisionEncoder,
  type VisionEncoder,
  type VisualEmbeddingOptions,
  visualEmbeddingDefaults,
} from '../../vl/index.js'
import { kebab, UserError } from '../base/index.js'
import { methods } from '../methods/index.js'
import { architectureOf, type BackboneConfig } from '../models/index.js'
import type { Runtime } from '../runtime/index.js'
import { type Task, tasks } from '../tasks/index.js'
import { openTokenizer, type Tokenizer } from '../text/index.js'
import { type Backbone, openBackbone, presetNames, withTokenRows } from './backbone.js'
import { mergeConfig, type PartialConfig, type TrainConfig } from './config.js'
import { taskOf, within } from './data.js'
import { type ModelSpec, modelParameters } from './graphs.js'
import { defaultBackbone, defaultDataSet, defaultTask, presetFor } from './presets.js'
import { findRun, readConfig, refuseOther } from './runFolder.js'

export interface Prepared {
  readonly backbone: Backbone
  readonly spec: ModelSpec
  /** As the run asks it of this backbone. */
  readonly task: Task
  readonly tokenizer: Tokenizer
  /** Absent: the task has no pictures. */
  readonly encoder?: VisionEncoder
}

/**
 * The merged configuration: the run's own where one goes on, else the preset of task, method and data set, under what
 * was said.
 *
 * @param over later ones win
 * @param resume a run to go on with, or the newest
 * @throws {UserError} a setting that is unknown or of the wrong kind; a run that is to go on as another
 */
export function resolveConfig(over: readonly PartialConfig[], resume?: string | true): TrainConfig {
  const layers = resume === undefined ? over : [ownConfig(resume, over), ...over]
  const said = <F extends keyof PartialConfig>(field: F) =>
    layers.findLast((layer) => layer[field] !== undefined)?.[field]
  const task = tasks.get(said('task') ?? defaultTask)
  const method = methods.get(said('method') ?? 'lst').name
  const preset = presetFor(task, {
    method,
    head: said('head') ?? 'lm',
    backbone: presetNames(said('backbone') ?? defaultBackbone),
    dataSet: findReader(said('dataset') ?? defaultDataSet, task.name)?.name,
  })
  return mergeConfig(preset, ...layers)
}

function ownConfig(resume: string | true, over: readonly PartialConfig[]): PartialConfig {
  const run = findRun(resume)
  const own = readConfig(run) as PartialConfig
  refuseOther(run, own, over)
  return own
}

/**
 * The settings of the paper for a task and method, under what was said: no data set has a say.
 *
 * @throws {UserError} a setting that is unknown or of the wrong kind
 */
export function paperConfig(...over: readonly PartialConfig[]): TrainConfig {
  const said = (field: 'task' | 'method') => over.findLast((layer) => layer[field] !== undefined)?.[field]
  const task = tasks.get(said('task') ?? defaultTask)
  return mergeConfig(presetFor(task, { method: methods.get(said('method') ?? 'lst').name }), ...over)
}

/** Rows of the token table that name the positions of a picture, behind the tokenizer's own (`<vis_extra_id_0…99>`). */
export const positionRows = 100

/** @throws {UserError} the first thing that is wrong with backbone, tokenizer or settings */
export function prepare(
  config: TrainConfig,
  options: {
    readonly cache: string
    readonly runtime: Runtime
    readonly onNote: (text: string) => void
  },
): Prepared {
  const { cache, runtime, onNote } = options
  const asked = taskOf(config)
  const plain = openBackbone(config.backbone, { cache, seed: config.seed, onWrite: onNote })
  const tokenizerPath = config.tokenizer ?? plain.tokenizerFile
  if (!tokenizerPath) {
    throw new UserError(
      `${config.backbone} has no tokenizer.json: name a folder that has one with --tokenizer`,
    )
  }
  const tokenizer = openTokenizer(tokenizerPath)
  const vision = visionOf(config)
  const rows = tokenizer.vocabularySize + (vision === null ? 0 : positionRows)
  const backbone = withTokenRows(plain, rows, { cache })
  const method = methods.get(config.method)
  const encoder =
    vision === null
      ? undefined
      : openVisionEncoder(vision, {
          ...{ cache, runtime, onNote, fit: config.imageFit, seed: config.seed },
          ...(config.threads === null ? {} : { threads: config.threads }),
        })
  const spec: ModelSpec = {
    ...{ config: backbone.config, method, options: config.methodOptions, dropout: config.dropout },
    task: config.task,
    ...(asked.classes ? { classifier: { labels: asked.classes.labels } } : {}),
    ...(encoder ? { vision: visualEmbeddingOf(config, backbone.config, encoder.featDim) } : {}),
  }
  checkLayers(config, spec)
  if (spec.classifier) checkClassifier(spec, { backbone, tokenizer })
  const task = within(asked, backbone.config)
  return { backbone, spec, task, tokenizer, ...(encoder ? { encoder } : {}) }
}

/** How pictures enter a backbone. @param featDim width of their features */
export function visualEmbeddingOf(
  { additionalVisualEmbeddingLayers }: TrainConfig,
  backbone: BackboneConfig,
  featDim: number,
): VisualEmbeddingOptions {
  const { norm } = architectureOf(backbone)
  return {
    ...visualEmbeddingDefaults,
    ...{ norm, additionalVisualEmbeddingLayers, featDim, dModel: backbone.dModel },
  }
}

/** What turns pictures into rows; none where the task has no pictures. @throws {UserError} it must be otherwise */
function visionOf({ task, vision, nBoxes, downsample }: TrainConfig): string | null {
  if (tasks.get(task).pictures) {
    if (vision === null)
      throw new UserError(`task ${task} is about pictures: say what turns them into rows with --vision`)
    return vision
  }
  const set = Object.entries({ vision, 'n-boxes': nBoxes, downsample: downsample || null })
  const [extra] = set.find(([, value]) => value !== null) ?? []
  if (extra === undefined) return null
  throw new UserError(`--${extra} is for tasks about pictures, and ${task} is about text alone: leave it out`)
}

/** @throws {UserError} a classifier that can't be built, finds no end of a text, or is the backbone's for other classes */
function checkClassifier(
  spec: ModelSpec,
  { backbone, tokenizer }: Pick<Prepared, 'backbone' | 'tokenizer'>,
): void {
  const { name, config, weights } = backbone
  const parameters = modelParameters(spec)
  if (!tokenizer.encode('').includes(config.eosTokenId)) {
    throw new UserError(
      `--head classify reads the end of a text, token ${config.eosTokenId} of ${name}, and the tokenizer puts none: ` +
        "name the backbone's own with --tokenizer",
    )
  }
  for (const { name: tensor, shape, trained } of parameters) {
    if (!tensor.startsWith('classification_head.')) continue
    const own = weights.tensors.get(tensor)
    if (own && String(own.shape) !== String(shape)) {
      throw new UserError(
        `${name}: its classifier is for other classes: "${tensor}" is (${own.shape.join(', ')}), and the task ` +
          `asks for (${shape.join(', ')}): take a backbone without classifier`,
      )
    }
    if (!own && !trained) {
      throw new UserError(
        `method ${spec.method.name}: "freezeClassifier" leaves the classifier as the backbone has it, and ${name} has none: ` +
          'leave it out',
      )
    }
  }
}

/** Layers named in the method's options must be the backbone's, each named once. */
export function checkLayers({ methodOptions }: TrainConfig, { config }: ModelSpec): void {
  for (const [name, value] of Object.entries(methodOptions)) {
    if (!/Layers$/.test(name) || !Array.isArray(value)) continue
    const layers = name.startsWith('encoder') ? config.numLayers : config.numDecoderLayers
    const given = value as number[]
    const bad = given.find((layer) => layer >= layers)
    if (bad !== undefined)
      throw new UserError(`--${kebab(name)}: there is no layer ${bad}: the backbone has 0 to ${layers - 1}`)
    const double = given.find((layer, i) => given.indexOf(layer) !== i)
    if (double !== undefined)
      throw new UserError(`--${kebab(name)}: layer ${double} is named twice: name each layer once`)
  }
}
