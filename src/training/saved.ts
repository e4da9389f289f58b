/**
 * What a trained model looks like on disk: `adapter_config.json` and `adapter_model.safetensors`, in PEFT's form where
 * it has one for the method; or a whole Hugging Face model for full fine-tuning.
 */
import { createRequire } from 'node:module'
import { UserError } from '../base/index.js'
import type { PeftForm } from '../methods/index.js'
import { architectureOf } from '../models/index.js'
import type { HostTensor } from '../runtime/index.js'
import { type Checkpoint, checkFinite, overlay, renamedBy, type TensorToWrite } from '../weights/index.js'
import { type Backbone, backboneParameters } from './backbone.js'
import type { CheckpointContent, LoadedCheckpoint, RunState } from './checkpoint.js'
import type { TrainConfig } from './config.js'
import {
  checkBackbone,
  checkVocabulary,
  type Description,
  describe,
  descriptionKey,
  readDescription,
} from './description.js'
import { modelParameters, settingOf } from './graphs.js'
import type { Prepared } from './prepare.js'
import type { Trainer } from './trainer.js'

type Trained = Pick<Prepared, 'spec' | 'backbone' | 'tokenizer'>

/** The method whose checkpoints are whole models. */
const wholeMethod = 'full'
const adapterFiles = { weights: 'adapter_model.safetensors', config: 'adapter_config.json' } as const
const wholeFiles = { weights: 'model.safetensors', config: 'config.json' } as const

/**
 * Everything that a checkpoint of this run holds; the tensors are written from where they lie. A whole model has its
 * frozen layers too.
 */
export function checkpointContent(
  config: TrainConfig,
  prepared: Trained,
  trainer: Trainer,
  state: Omit<RunState, 'counts'>,
): CheckpointContent {
  const { tensors, counts } = trainer.optimizer.state()
  const trained = [...trainer.parameters.parameters.values()].map(({ name, value }) => toWrite(name, value))
  return {
    state: { ...state, counts: Object.fromEntries(counts) },
    ...(config.method === wholeMethod
      ? wholeContent(prepared, trained, describe(config, prepared))
      : adapterContent(
          trained,
          describe(config, prepared),
          prepared.spec.method.peft?.(settingOf(prepared.spec)),
        )),
    optimizer: [...tensors].map(([name, tensor]) => toWrite(name, tensor)),
  }
}

type ModelContent = Pick<CheckpointContent, 'weights' | 'config' | 'extra'>

function wholeContent(
  { spec, backbone }: Trained,
  trained: readonly TensorToWrite[],
  description: Description,
): ModelContent {
  const frozen = frozenTensors(backbone, new Set(trained.map(({ name }) => name)))
  return {
    weights: {
      file: wholeFiles.weights,
      tensors: [...trained, ...frozen],
      metadata: { format: 'pt', [descriptionKey]: JSON.stringify(description) },
    },
    config: { file: wholeFiles.config, json: architectureOf(spec.config).writeConfig(spec.config) },
  }
}

function adapterContent(
  trained: readonly TensorToWrite[],
  description: Description,
  peft: PeftForm | undefined,
): ModelContent {
  if (!peft)
    return {
      weights: { file: adapterFiles.weights, tensors: trained },
      config: { file: adapterFiles.config, json: description },
    }
  const layers = new Set<string>()
  const [tensors, extra]: [TensorToWrite[], TensorToWrite[]] = [[], []]
  for (const tensor of trained) {
    const place = peft.placeOf(tensor.name)
    if (place) {
      layers.add(place.layer)
      tensors.push({ ...tensor, name: peftName(place) })
    } else extra.push(tensor)
  }
  const metadata = { format: 'pt', [descriptionKey]: JSON.stringify(description) }
  return {
    weights: { file: adapterFiles.weights, tensors, metadata },
    config: {
      file: adapterFiles.config,
      json: {
        ...peft.fields([...layers]),
        task_type: 'SEQ_2_SEQ_LM',
        base_model_name_or_path: description.backbone.name,
        inference_mode: true,
      },
    },
    ...(extra.length > 0 ? { extra } : {}),
  }
}

const peftName = ({ layer, weight }: { readonly layer: string; readonly weight: string }) =>
  `base_model.model.${layer}.${weight}`

/** What the backbone has besides the trained tensors, read when it is written. */
function frozenTensors(
  { config, weights }: Backbone,
  trained: ReadonlySet<string>,
): readonly TensorToWrite[] {
  return backboneParameters(config)
    .filter(({ name }) => !trained.has(name))
    .map(({ name, shape }) => ({ name, dtype: 'F32', shape, data: () => weights.float32Chunks(name) }))
}

function toWrite(name: string, { shape, floats }: HostTensor): TensorToWrite {
  return { name, dtype: 'F32', shape, data: floats }
}

/** What is to be said about tensors that PEFT has no place for, where there are any. */
export function noteOnExtra({ extra }: CheckpointContent): string | undefined {
  if (!extra) return undefined
  const what = extra.length === 1 ? 'trained tensor' : 'trained tensors'
  return `PEFT has no place for ${extra.length} ${what}, such as ${extra[0]!.name}: checkpoints have them in extra.safetensors`
}

/**
 * The trained weights of a checkpoint by the model's own names, once they are known to be this model's.
 *
 * @throws {UserError} they are another method's, vocabulary's or backbone's; one is missing, has another shape or a
 *   value that is no number
 */
export function trainedWeights(
  { weights: saved, extra, configFile }: LoadedCheckpoint,
  config: TrainConfig,
  prepared: Trained,
): Checkpoint {
  const { spec } = prepared
  const file = saved.files[0]!
  const isWhole = !configFile.endsWith(adapterFiles.config)
  const description = readDescription(configFile, saved.metadata, { isWhole })
  const method = isWhole ? wholeMethod : description?.method
  if (method !== undefined && method !== config.method) {
    throw new UserError(
      `${file}: was saved by method ${method}, not ${config.method}: put the run's own checkpoint or config.yaml back`,
    )
  }
  if (description) checkVocabulary(description, file, prepared)
  const names = new Map<string, string>()
  const trained = modelParameters(spec).filter((parameter) => parameter.trained)
  const peft = spec.method.peft?.(settingOf(spec))
  for (const { name } of trained) {
    const place = peft?.placeOf(name)
    if (place) names.set(peftName(place), name)
  }
  const own = names.size === 0 ? saved : renamedBy(saved, (name) => names.get(name) ?? name)
  const weights = overlay(own, ...(extra ? [extra] : []))
  for (const parameter of trained) checkShape(parameter, weights, config)
  // A whole model needs nothing of the backbone but the layers that it left frozen.
  const needsBackbone = !isWhole || modelParameters(spec).some((parameter) => !parameter.trained)
  if (description && needsBackbone) checkBackbone(description, file, prepared)
  for (const { name } of trained) checkFinite(weights, [name], `${weights.tensors.get(name)!.path}: `)
  return weights
}

function checkShape(
  { name, shape }: { readonly name: string; readonly shape: readonly number[] },
  { tensors, files }: Checkpoint,
  { backbone }: TrainConfig,
): void {
  const tensor = tensors.get(name)
  if (String(tensor?.shape) === String(shape)) return
  const has = tensor ? `is (${tensor.shape.join(', ')})` : 'is missing'
  throw new UserError(
    `${tensor?.path ?? files[0]}: tensor "${name}" ${has}, where ${backbone} asks for (${shape.join(', ')}): ` +
      'put the backbone back that the run was trained with',
  )
}

/** Versions that a run writes down. */
export function versions(): Readonly<Record<string, string>> {
  const require = createRequire(import.meta.url)
  const versionOf = (name: string) => (require(`${name}/package.json`) as { version: string }).version
  return { node: process.version, onnxruntime: versionOf('onnxruntime-node') }
}
