/** A backbone with what a run trained added in: a plain model in Hugging Face's layout. */
import { copyFileSync, existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { UserError } from '../base/index.js'
import { cannotWrite, makeFolder, nameAside, writeWhole } from '../files/index.js'
import { methods, type PeftForm } from '../methods/index.js'
import { architectureOf } from '../models/index.js'
import { nativeRuntime } from '../runtime/index.js'
import { tokenizerFile } from '../text/index.js'
import { type Checkpoint, type TensorToWrite, writeSafetensors } from '../weights/index.js'
import { backboneParameters } from './backbone.js'
import type { TrainConfig } from './config.js'
import { modelParameters, settingOf } from './graphs.js'
import { resolveConfig } from './prepare.js'
import { findRunFolder } from './runFolder.js'
import { openSavedRun, type SavedRun, type TrainedRunOptions } from './trainedRun.js'

export interface Merged {
  readonly output: string
  /** The step that the weights are of. */
  readonly step: number
  /** Linear layers that an update was added to. */
  readonly layers: number
  readonly backbone: string
}

const mend = 'make room or name another folder with --output'

/**
 * Writes `config.json`, `model.safetensors` and the tokenizer's files; whole or not at all.
 *
 * @param output a folder that is empty or not there
 * @throws {UserError} no run or checkpoint; a method whose weights can't be added in; something that was trained would
 *   be lost; the place is taken or can't be written
 */
export function merge(path: string, output: string, options: Omit<TrainedRunOptions, 'runtime'>): Merged {
  const config = resolveConfig([], findRunFolder(path).path)
  refusePlace(output)
  refuseConfig(config, path)
  const run = openSavedRun(path, { ...options, runtime: nativeRuntime })
  const { tensors, layers } = mergedTensors(run)
  const aside = nameAside(output)
  try {
    makeFolder(aside)
    writeSafetensors(join(aside, 'model.safetensors'), tensors, { format: 'pt' })
    const { config: model } = run.prepared.spec
    const json = JSON.stringify(architectureOf(model).writeConfig(model), null, 2)
    writeWhole(join(aside, 'config.json'), `${json}\n`, mend)
    for (const file of tokenizerFiles(run)) copyFileSync(file, join(aside, basename(file)))
    rmSync(output, { recursive: true, force: true })
    renameSync(aside, output)
  } catch (error) {
    rmSync(aside, { recursive: true, force: true })
    throw cannotWrite(error, output, mend)
  }
  return { output, step: run.state.step, layers, backbone: config.backbone }
}

function refusePlace(output: string): void {
  const status = statSync(output, { throwIfNoEntry: false })
  if (!status) return
  if (!status.isDirectory()) throw new UserError(`--output ${output} is a file: name a folder`)
  if (readdirSync(output).length > 0)
    throw new UserError(`--output ${output} is not empty: name another folder`)
}

function refuseConfig({ method, vision }: TrainConfig, path: string): void {
  if (!methods.get(method).peft) {
    const able = methods.entries.filter(({ peft }) => peft).map(({ name }) => name)
    throw new UserError(
      `${path} was trained by method ${method}, whose weights can't be added into a backbone: ` +
        `only those of ${able.join(', ')} can, so use the run itself`,
    )
  }
  if (vision !== null) {
    throw new UserError(
      `${path} was trained on pictures, and a plain model has no place for their embedding: use the run itself`,
    )
  }
}

/** All tensors of the plain model. @throws {UserError} a trained weight has no place among them */
function mergedTensors({ folder, prepared: { spec, backbone }, weights }: SavedRun): {
  readonly tensors: readonly TensorToWrite[]
  readonly layers: number
} {
  const form = spec.method.peft!(settingOf(spec))
  const plain = backboneParameters(spec.config)
  const known = new Set(plain.map(({ name }) => name))
  const updates = new Map<string, Map<string, string>>()
  const replaced = new Set<string>()
  const lost: string[] = []
  for (const { name, trained } of modelParameters(spec)) {
    if (!trained) continue
    const place = form.placeOf(name)
    const weight = place && `${place.layer}.weight`
    if (weight !== undefined && known.has(weight))
      updates.set(weight, (updates.get(weight) ?? new Map<string, string>()).set(place!.weight, name))
    else if (known.has(name)) replaced.add(name)
    else lost.push(name)
  }
  if (lost.length > 0) {
    throw new UserError(
      `${folder.path} trained ${lost.length} tensors that a plain ${spec.config.modelType} has no place for, ` +
        `such as ${lost[0]}: use the run itself, or train with --lora-bias none`,
    )
  }
  const tensors = plain.map(({ name, shape }): TensorToWrite => {
    const update = updates.get(name)
    const from = replaced.has(name) ? weights : backbone.weights
    const data = () =>
      update ? [added(from.readFloat32(name), update, form, weights)] : from.float32Chunks(name)
    return { name, dtype: 'F32', shape, data }
  })
  return { tensors, layers: updates.size }
}

function added(
  weight: Float32Array,
  names: ReadonlyMap<string, string>,
  form: PeftForm,
  weights: Checkpoint,
): Float32Array {
  const merged = weight.slice()
  form.addTo(merged, (part) => weights.readFloat32(names.get(part)!))
  return merged
}

/** `tokenizer.json` and what lies beside it about the tokenizer. */
function tokenizerFiles({ config, prepared: { backbone } }: SavedRun): readonly string[] {
  const file = tokenizerFile(config.tokenizer ?? backbone.tokenizerFile!)
  const beside = ['tokenizer_config.json', 'special_tokens_map.json'].map((name) => join(dirname(file), name))
  return [file, ...beside.filter((path) => existsSync(path))]
}
