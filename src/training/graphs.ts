/**
 * The graphs of a run, from the same model functions: `gradients` for training, `encode` and `decode` for
 * prediction.
 */

import { type VisualEmbeddingOptions, visualEmbedding } from '../../vl/index.js'
import {
  add,
  clamp,
  type Dim,
  input,
  logSoftmax,
  mul,
  neg,
  pick,
  reshape,
  type Shape,
  sum,
  type Tensor,
} from '../graph/index.js'
import type { EncoderState, Method } from '../methods/index.js'
import {
  type BuiltGraph,
  buildModel,
  builtGraph,
  hashedDropout,
  type ModelBuild,
  type ParameterSpec,
  parametersOf,
  sharedTable,
  type T5Config,
  trainedGradients,
} from '../models/index.js'

/** What is trained: a backbone, a method with its options, and pictures or none. */
export interface ModelSpec {
  readonly config: T5Config
  readonly method: Method
  readonly options: unknown
  /** Absent: text alone. */
  readonly vision?: VisualEmbeddingOptions
  /** Share of elements dropped while training; 0: none. */
  readonly dropout: number
}

export type Trace = (name: string, value: Tensor) => void

const batchAnd = (...rest: readonly Dim[]): Shape => ['batch', ...rest]

/**
 * Inputs: those of {@link forward}, `labels` int64 [batch, target] (negative: no loss), `lossWeights`
 * [batch, target], `penaltyWeight` [] where the method has a penalty, `dropoutKeys` uint32 [batch] where elements are
 * dropped. Outputs: `loss` = Σ lossWeights · token loss, and `grad/NAME` of every trained parameter it depends on.
 *
 * @param options.extra adds outputs, made from the logits, the token losses and what `trace` saw
 */
export function gradientGraph(
  spec: ModelSpec,
  options: {
    readonly extra?: (seen: { logits: Tensor; tokenLoss: Tensor }) => Record<string, Tensor>
    readonly trace?: Trace
  } = {},
): BuiltGraph {
  const model = startModel(spec, spec.dropout)
  const { logits, penalty, labelFactor = 1 } = forward(spec, model, options.trace)
  const labels = input('labels', batchAnd('target'), 'int64')
  const lossWeights = input('lossWeights', batchAnd('target'))
  const tokenLoss = neg(pick(logSoftmax(logits), clamp(labels, 0, spec.config.vocabSize - 1)))
  const labelLoss = mul(sum(mul(tokenLoss, lossWeights)), labelFactor)
  const loss = penalty ? add(labelLoss, mul(penalty, input('penaltyWeight', []))) : labelLoss
  return builtGraph(
    { loss, ...options.extra?.({ logits, tokenLoss }), ...trainedGradients(loss, model) },
    model,
  )
}

/** All parameters that a model has, without building its gradients. */
export function modelParameters(spec: ModelSpec): readonly ParameterSpec[] {
  const model = startModel(spec, 0)
  forward(spec, model)
  return parametersOf(model)
}

/** Inputs: those of the encoder. Outputs: the encoder's state by name, `state/NAME`. */
export function encodeGraph(spec: ModelSpec): BuiltGraph {
  const model = startModel(spec, 0)
  const state = encode(spec, model)
  return builtGraph(
    Object.fromEntries(Object.entries(state).map(([name, tensor]) => [stateName(name), tensor])),
    model,
  )
}

/**
 * Inputs: `state/NAME` as {@link encodeGraph} gives it, `decoderInputIds` int64 [batch, target]. Output: `logits`
 * [batch, vocabulary] of the last position.
 */
export function decodeGraph(spec: ModelSpec): BuiltGraph {
  const encoder = encode(spec, startModel(spec, 0))
  const state = Object.fromEntries(
    Object.entries(encoder).map(([name, { shape, dtype }]) => [
      name,
      input(stateName(name), shape.map(simpleDim), dtype),
    ]),
  )
  const model = startModel(spec, 0)
  const ids = input('decoderInputIds', batchAnd('target'), 'int64')
  const { logits } = spec.method.decode(state, ids, { ...contextOf(spec, model), lastOnly: true })
  return builtGraph({ logits: reshape(logits, batchAnd(spec.config.vocabSize)) }, model)
}

const stateName = (name: string): string => `state/${name}`

/** A sum of dimensions as a dimension of its own: `text + positions` → `text_positions`. */
const simpleDim = (dim: Dim): Dim => (typeof dim === 'number' ? dim : dim.replace(/\W+/g, '_'))

function startModel(spec: ModelSpec, dropout: number): ModelBuild {
  return buildModel({
    trains: (name) => spec.method.trains(name, spec.options, spec.config),
    ...(dropout > 0 ? { dropout: hashedDropout(input('dropoutKeys', ['batch'], 'uint32'), dropout) } : {}),
  })
}

/** Decoder output for `decoderInputIds`; inputs of the encoder besides. */
function forward(spec: ModelSpec, model: ModelBuild, trace?: Trace) {
  const state = encode(spec, model, trace)
  const decoderInputIds = input('decoderInputIds', batchAnd('target'), 'int64')
  return spec.method.decode(state, decoderInputIds, contextOf(spec, model, trace))
}

/**
 * Inputs: `inputIds`, `attentionMask` int64 [batch, text]; with pictures `visFeats` [batch, positions, featDim],
 * `boxes` [batch, positions, 4], `imageOrder` and `objectOrder` int64 [positions].
 */
function encode(spec: ModelSpec, model: ModelBuild, trace?: Trace): EncoderState {
  const inputIds = input('inputIds', batchAnd('text'), 'int64')
  const attentionMask = input('attentionMask', batchAnd('text'), 'int64')
  const visual = spec.vision && pictures(spec.vision, spec.config, model)
  if (visual) trace?.('vis_embeds', visual)
  return spec.method.encode(
    { inputIds, attentionMask, ...(visual ? { visual } : {}) },
    contextOf(spec, model, trace),
  )
}

function pictures(vision: VisualEmbeddingOptions, config: T5Config, model: ModelBuild): Tensor {
  return visualEmbedding(
    model.root.at('encoder.visual_embedding'),
    {
      features: input('visFeats', batchAnd('positions', vision.featDim)),
      boxes: input('boxes', batchAnd('positions', 4)),
      imageOrder: input('imageOrder', ['positions'], 'int64'),
      objectOrder: input('objectOrder', ['positions'], 'int64'),
      shared: sharedTable(model.root, config),
    },
    vision,
  )
}

const scalarInputs = new WeakMap<ModelBuild, Readonly<Record<string, Tensor>>>()

function contextOf(spec: ModelSpec, model: ModelBuild, trace?: Trace) {
  const { method, options, config } = spec
  if (!scalarInputs.has(model)) {
    const names = Object.keys(method.schedules?.(options, 0, 1) ?? {})
    scalarInputs.set(model, Object.fromEntries(names.map((name) => [name, input(name, [])])))
  }
  return { root: model.root, config, options, inputs: scalarInputs.get(model)!, ...(trace ? { trace } : {}) }
}
