/** What a trained model looks like on disk: PEFT's two files, or a whole Hugging Face model for full fine-tuning. */
import { createRequire } from 'node:module'
import { architectureOf } from '../models/index.js'
import type { HostTensor } from '../runtime/index.js'
import type { TensorToWrite } from '../weights/index.js'
import { type Backbone, backboneParameters } from './backbone.js'
import type { CheckpointContent, RunState } from './checkpoint.js'
import type { TrainConfig } from './config.js'
import type { Prepared } from './prepare.js'
import type { Trainer } from './trainer.js'

const peftTypes: Readonly<Record<string, string>> = { lst: 'LST' }

/**
 * Everything that a checkpoint of this run holds; the tensors are written from where they lie. A whole model has its
 * frozen layers too.
 */
export function checkpointContent(
  config: TrainConfig,
  { spec, backbone }: Pick<Prepared, 'spec' | 'backbone'>,
  trainer: Trainer,
  state: Omit<RunState, 'counts'>,
): CheckpointContent {
  const { tensors, counts } = trainer.optimizer.state()
  const { parameters } = trainer.parameters
  const trained = [...parameters.values()].map(({ name, value }) => toWrite(name, value))
  const whole = config.method === 'full'
  const frozen = whole ? frozenTensors(backbone, parameters) : []
  return {
    state: { ...state, counts: Object.fromEntries(counts) },
    weights: {
      file: whole ? 'model.safetensors' : 'adapter_model.safetensors',
      tensors: [...trained, ...frozen],
    },
    config: whole
      ? { file: 'config.json', json: architectureOf(spec.config).writeConfig(spec.config) }
      : { file: 'adapter_config.json', json: adapterConfig(config) },
    optimizer: [...tensors].map(([name, tensor]) => toWrite(name, tensor)),
  }
}

/** What the backbone has besides the trained tensors, read when it is written. */
function frozenTensors(
  { config, weights }: Backbone,
  trained: ReadonlyMap<string, unknown>,
): readonly TensorToWrite[] {
  return backboneParameters(config)
    .filter(({ name }) => !trained.has(name))
    .map(({ name, shape }) => ({ name, dtype: 'F32', shape, data: () => [weights.readFloat32(name)] }))
}

function toWrite(name: string, { shape, floats }: HostTensor): TensorToWrite {
  return { name, dtype: 'F32', shape, data: floats }
}

/** PEFT's names of what a model is for. */
const taskTypes: Readonly<Record<TrainConfig['head'], string>> = { lm: 'SEQ_2_SEQ_LM', classify: 'SEQ_CLS' }

function adapterConfig({ method, methodOptions, backbone, task, vision, head }: TrainConfig) {
  return {
    peft_type: peftTypes[method] ?? method.toUpperCase(),
    task_type: taskTypes[head],
    base_model_name_or_path: backbone,
    inference_mode: true,
    ...{ vl_lst: { task, vision, ...methodOptions } },
  }
}

/** Versions that a run writes down. */
export function versions(): Readonly<Record<string, string>> {
  const require = createRequire(import.meta.url)
  const versionOf = (name: string) => (require(`${name}/package.json`) as { version: string }).version
  return { node: process.version, onnxruntime: versionOf('onnxruntime-node') }
}
