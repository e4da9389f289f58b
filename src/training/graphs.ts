/**
 * The graphs of a run, from the same model functions: `gradients` for training, `encode` and `decode` for
 * prediction.
 */

import { type VisualEmbeddingOptions, visualEmbedding } from '../../vl/index.js'
import { UserError } from '../base/index.js'
import {
  add,
  cast,
  clamp,
  type Dim,
  input,
  logSoftmax,
  mul,
  neg,
  pick,
  reshape,
  type Shape,
  square,
  sub,
  sum,
  type Tensor,
} from '../graph/index.js'
import type { DecoderOutput, EncoderState, Method, MethodContext, MethodSetting } from '../methods/index.js'
import {
  type BackboneConfig,
  type BuiltGraph,
  backboneModel,
  buildModel,
  builtGraph,
  type Classifier,
  classify,
  hashedDropout,
  type ModelBuild,
  type ParameterSpec,
  parametersOf,
  trainedGradients,
} from '../models/index.js'

/** What is trained: a backbone, a method with its options, and pictures or none. */
export interface ModelSpec {
  readonly config: BackboneConfig
  readonly method: Method
  readonly options: unknown
  /** Name of the task whose batches the graph is for. */
  readonly task?: string
  /** Names of all tasks of the run; by default that one. */
  readonly tasks?: readonly string[]
  /** Absent: text alone. */
  readonly vision?: VisualEmbeddingOptions
  /** A classifier over the encoder; absent: the decoder's language model. */
  readonly classifier?: Classifier
  /** Share of elements dropped while training; 0: none. */
  readonly dropout: number
}

export type Trace = (name: string, value: Tensor) => void

const batchAnd = (...rest: readonly Dim[]): Shape => ['batch', ...rest]

/**
 * Inputs: those of {@link tokenLosses} or {@link classifierLoss}, `lossWeights` of the labels' shape,
 * `penaltyWeight` [] where the method has a penalty, `dropoutKeys` uint32 [batch] where elements are dropped. Outputs:
 * `loss` = Σ lossWeights · label loss, and `grad/NAME` of every trained parameter it depends on.
 *
 * @param options.extra adds outputs, made from the logits, the labels' losses and what `trace` saw
 */
export function gradientGraph(
  spec: ModelSpec,
  options: {
    readonly extra?: (seen: { logits: Tensor; tokenLoss: Tensor }) => Record<string, Tensor>
    readonly trace?: Trace
  } = {},
): BuiltGraph {
  const started = start(spec, { dropout: spec.dropout, ...options })
  const {
    logits,
    tokenLoss,
    penalty,
    labelFactor = 1,
  } = spec.classifier ? classifierLoss(spec, started) : tokenLosses(spec, started)
  const lossWeights = input('lossWeights', tokenLoss.shape)
  const labelLoss = mul(sum(mul(tokenLoss, lossWeights)), labelFactor)
  const loss = penalty ? add(labelLoss, mul(penalty, input('penaltyWeight', []))) : labelLoss
  return builtGraph(
    { loss, ...options.extra?.({ logits, tokenLoss }), ...trainedGradients(loss, started.build) },
    started.build,
  )
}

/** All parameters that a model has, without building its gradients. */
export function modelParameters(spec: ModelSpec): readonly ParameterSpec[] {
  const started = start(spec)
  if (spec.classifier) classified(spec, started)
  else decoded(spec, started)
  return parametersOf(started.build)
}

/** Inputs: those of the encoder. Outputs: the encoder's state by name, `state/NAME`. */
export function encodeGraph(spec: ModelSpec): BuiltGraph {
  const started = start(spec)
  const state = encode(spec, started)
  return builtGraph(
    Object.fromEntries(Object.entries(state).map(([name, tensor]) => [stateName(name), tensor])),
    started.build,
  )
}

/**
 * Inputs: `state/NAME` as {@link encodeGraph} gives it, `decoderInputIds` int64 [batch, target]. Output: `logits`
 * [batch, vocabulary] of the last position.
 */
export function decodeGraph(spec: ModelSpec): BuiltGraph {
  const encoder = encode(spec, start(spec))
  const state = Object.fromEntries(
    Object.entries(encoder).map(([name, { shape, dtype }]) => [
      name,
      input(stateName(name), shape.map(simpleDim), dtype),
    ]),
  )
  const { build, context } = start(spec)
  const ids = input('decoderInputIds', batchAnd('target'), 'int64')
  const { logits } = spec.method.decode(state, ids, { ...context, lastOnly: true })
  return builtGraph({ logits: reshape(logits, batchAnd(spec.config.vocabSize)) }, build)
}

/** Inputs: those of the encoder. Output: `logits` [batch, labels]. */
export function classifyGraph(spec: ModelSpec): BuiltGraph {
  const started = start(spec)
  return builtGraph({ logits: classified(spec, started) }, started.build)
}

const stateName = (name: string): string => `state/${name}`

/** A sum of dimensions as a dimension of its own: `text + positions` → `text_positions`. */
const simpleDim = (dim: Dim): Dim => (typeof dim === 'number' ? dim : dim.replace(/\W+/g, '_'))

/** What a method is told of the model. */
export function settingOf(spec: ModelSpec): MethodSetting<unknown> {
  const { options, config, task = 'default', tasks = [task] } = spec
  return { config, options, task, tasks }
}

/** A model that is being built, and what its method is given. */
interface Started {
  readonly build: ModelBuild
  readonly context: MethodContext<unknown>
}

function start(
  spec: ModelSpec,
  { dropout = 0, trace }: { readonly dropout?: number; readonly trace?: Trace | undefined } = {},
): Started {
  const { method, options, config } = spec
  const setting = settingOf(spec)
  const sites = method.sites?.(setting)
  const build = buildModel({
    trains: (name) => method.trains(name, options, config),
    ...(sites ? { sites } : {}),
    ...(dropout > 0 ? { dropout: hashedDropout(input('dropoutKeys', ['batch'], 'uint32'), dropout) } : {}),
  })
  const names = Object.keys(method.schedules?.(options, 0, 1) ?? {})
  const inputs = Object.fromEntries(names.map((name) => [name, input(name, [])]))
  const { root } = build
  const model = backboneModel(config, root)
  return { build, context: { ...setting, root, model, inputs, ...(trace ? { trace } : {}) } }
}

/** What the loss is made of. */
interface Losses extends Omit<DecoderOutput, 'logits'> {
  readonly logits: Tensor
  /** One a label. */
  readonly tokenLoss: Tensor
}

/** Inputs: those of {@link decoded}, `labels` int64 [batch, target] (negative: no loss). */
function tokenLosses(spec: ModelSpec, started: Started): Losses {
  const output = decoded(spec, started)
  const labels = input('labels', batchAnd('target'), 'int64')
  return { ...output, tokenLoss: crossEntropy(output.logits, labels) }
}

/**
 * Inputs: those of the encoder, and `labelValues` [batch]: classes, or with one label numbers, whose squared distance
 * is the loss.
 */
function classifierLoss(spec: ModelSpec, started: Started): Losses {
  const [logits, labels] = [classified(spec, started), input('labelValues', ['batch'])]
  if (logits.shape[1] !== 1) return { logits, tokenLoss: crossEntropy(logits, cast(labels, 'int64')) }
  return { logits, tokenLoss: square(sub(reshape(logits, ['batch']), labels)) }
}

/** −ln p of each label; logits [..., n], labels int64 [...]. */
function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  return neg(pick(logSoftmax(logits), clamp(labels, 0, (logits.shape.at(-1) as number) - 1)))
}

/** Decoder output for `decoderInputIds` int64 [batch, target]; inputs of the encoder besides. */
function decoded(spec: ModelSpec, started: Started): DecoderOutput {
  const state = encode(spec, started)
  const decoderInputIds = input('decoderInputIds', batchAnd('target'), 'int64')
  return spec.method.decode(state, decoderInputIds, started.context)
}

/** @throws {UserError} a method or backbone that has no classifier */
function classified(spec: ModelSpec, started: Started): Tensor {
  const { method, config } = spec
  if (!method.classified || config.modelType !== 'bart' || spec.vision) {
    const what = spec.vision ? 'a task with pictures' : `method ${method.name} on ${config.modelType}`
    throw new UserError(`--head classify is not built for ${what}: use lst or full on BART and text`)
  }
  const text = textInputs()
  const states = method.classified(method.encode(text, started.context), started.context)
  return classify(states, text.inputIds, started.context.root.at('classification_head'), {
    ...spec.classifier!,
    config,
  })
}

/**
 * Inputs: `inputIds`, `attentionMask` int64 [batch, text]; with pictures `visFeats` [batch, positions, featDim],
 * `boxes` [batch, positions, 4], `imageOrder` and `objectOrder` int64 [positions].
 */
function encode(spec: ModelSpec, { context }: Started): EncoderState {
  const text = textInputs()
  const visual = spec.vision && pictures(spec.vision, context)
  return spec.method.encode({ ...text, ...(visual ? { visual } : {}) }, context)
}

const textInputs = () => ({
  inputIds: input('inputIds', batchAnd('text'), 'int64'),
  attentionMask: input('attentionMask', batchAnd('text'), 'int64'),
})

/** Pictures as rows that enter the encoder behind the text. */
function pictures(
  vision: VisualEmbeddingOptions,
  { model, trace }: Pick<MethodContext<unknown>, 'model' | 'trace'>,
): Tensor {
  const { encoder } = model
  const visual = visualEmbedding(
    encoder.at.at('visual_embedding'),
    {
      features: input('visFeats', batchAnd('positions', vision.featDim)),
      boxes: input('boxes', batchAnd('positions', 4)),
      imageOrder: input('imageOrder', ['positions'], 'int64'),
      objectOrder: input('objectOrder', ['positions'], 'int64'),
      shared: model.tokenTable(),
    },
    vision,
  )
  trace?.('vis_embeds', visual)
  return vision.shareVisLangLayerNorm ? encoder.enter(visual) : visual
}
