/**
 * The ladder of Ladder Side-Tuning (Sung et al. 2022, §3): a small backbone beside the frozen one. It reads the output of
 * every backbone block (a tap), scaled down to 1/r of the width, and nothing is ever propagated back into the
 * backbone. Weight names are the reference's.
 *
 * Shapes: b batch · n text + picture rows · t target · d backbone width · s ladder width d/r.
 */

import {
  add,
  concat,
  constant,
  type Dim,
  div,
  matMul,
  mul,
  pad,
  rmsNorm,
  scalar,
  sigmoid,
  slice,
  sub,
  type Tensor,
} from '../graph/index.js'
import { addedLinear } from './added.js'
import type { BackboneConfig, BackboneStack, Variant } from './backbone.js'
import type { BlockSizes, CrossAttention } from './layers.js'
import { filled, type Scope } from './scope.js'

export type Gate = 'learnable' | 'one' | 'none' | 'schedule'

export interface LadderOptions {
  /** r: widths of the ladder are the backbone's divided by r, rounded down; the number of heads is the same. */
  readonly reductionFactor: number
  /** How a tap t meets the ladder's state s: g s + (1 − g) t, or s + t (`none`). */
  readonly gate: Gate
  /** g = sigmoid(α / T). */
  readonly gateTemperature: number
  /** Start value of α. */
  readonly gateAlpha: number
  /** Mix after the ladder's block instead of before. */
  readonly residualAfter: boolean
  /** Taps are scaled down by averages over d/r windows instead of a trained projection. */
  readonly downsamplePool: boolean
  /** Biases in the down and up projections. */
  readonly samplingBias: boolean
  /** Backbone layers that have a ladder block, in the order given; `null`: all. */
  readonly encoderSideLayers: readonly number[] | null
  readonly decoderSideLayers: readonly number[] | null
  /** Bring every tap to root mean square 1 first (ours; not in the paper). */
  readonly tapNorm: boolean
  /** Gate picture rows too, as the paper's code does although their tap is 0. */
  readonly gateImageRows: boolean
  /** Which code base decides how ladder weights start. */
  readonly variant: Variant
}

/** What the ladder gets from outside the model. */
export interface LadderContext {
  readonly root: Scope
  readonly config: BackboneConfig
  readonly options: LadderOptions
  /** The gate's value [] where a schedule sets it. */
  readonly scheduledGate?: Tensor
}

/** Sizes of a stack of the ladder. @throws {UserError} a width that can't be divided so */
export function ladderSizes(
  stack: BackboneStack,
  { options: { reductionFactor, variant } }: LadderContext,
): BlockSizes {
  return stack.sideSizes(reductionFactor, variant)
}

/** A projection between the backbone's width and the ladder's; r = 1 needs none. */
export function sample(x: Tensor, at: Scope, out: number, { options, config }: LadderContext): Tensor {
  if (options.reductionFactor === 1) return x
  const { variant, samplingBias: bias } = options
  return addedLinear(at, { from: x.shape.at(-1) as number, to: out }, { config, variant, bias })(x)
}

/** Averages over the windows ⌊j·d/s⌋ … ⌈(j+1)·d/s⌉ − 1 of the width, as a product with a constant matrix. */
function averagePool(x: Tensor, out: number): Tensor {
  const width = x.shape.at(-1) as number
  const weights = new Float32Array(out * width)
  for (let j = 0; j < out; j++) {
    const [from, to] = [Math.floor((j * width) / out), Math.ceil(((j + 1) * width) / out)]
    weights.fill(1 / (to - from), j * width + from, j * width + to)
  }
  return matMul(x, constant(weights, [out, width], 'float32'), { transposeB: true })
}

/** A tap made ready to be mixed: normalised (if asked) and scaled down; [b, text, s]. */
function scaleTap(tap: Tensor, layer: number, stack: BackboneStack, context: LadderContext): Tensor {
  const { config, options } = context
  const { dModel } = ladderSizes(stack, context)
  const ones = () => constant(new Float32Array(config.dModel).fill(1), [config.dModel], 'float32')
  const x = options.tapNorm ? rmsNorm(tap, ones(), config.layerNormEpsilon) : tap
  if (options.downsamplePool) return averagePool(x, dModel)
  return sample(x, stack.at.at(`side_downsamples.${layer}`), dModel, context)
}

/**
 * The parameter of a gate. The reference makes one for every backbone layer; those of dropped layers never get a
 * gradient.
 */
function gateParameter(at: Scope, name: string, { options }: LadderContext): Tensor {
  return at.parameter(name, [1], filled(options.gateAlpha))
}

/** g of a layer, or `undefined` where taps are simply added. */
export function gateOf(at: Scope, name: string, context: LadderContext): Tensor | undefined {
  const { gate, gateTemperature } = context.options
  if (gate === 'learnable') return sigmoid(div(gateParameter(at, name, context), gateTemperature))
  if (gate === 'schedule' && context.scheduledGate) return context.scheduledGate
  return gate === 'none' ? undefined : scalar(1)
}

/** g a + (1 − g) b, or a + b without a gate. */
export function mix(a: Tensor, b: Tensor, gate: Tensor | undefined): Tensor {
  return gate ? add(mul(gate, a), mul(sub(1, gate), b)) : add(a, b)
}

/**
 * Mixes a tap of the text rows into a state that may have picture rows behind them. Those have no tap: they are
 * multiplied by g, unless `gateImageRows` is off.
 */
function mixRows(
  state: Tensor,
  tap: Tensor,
  gate: Tensor | undefined,
  pictureRows: Dim,
  context: LadderContext,
): Tensor {
  if (pictureRows === 0) return mix(state, tap, gate)
  if (context.options.gateImageRows || !gate) return mix(state, pad(tap, 1, 0, pictureRows), gate)
  const [text, all] = [tap.shape[1]!, state.shape[1]!]
  return concat([mix(slice(state, 1, 0, text), tap, gate), slice(state, 1, text, all)], 1)
}

export interface LadderStack {
  readonly stack: BackboneStack
  /** Backbone block outputs [b, text, d], one a layer. */
  readonly taps: readonly Tensor[]
  /** How many rows of the state follow the text. */
  readonly pictureRows: Dim
  readonly cross?: CrossAttention
  /** Self-attention bias from the ladder's own position table (`undefined`: it has none). */
  readonly biasOf: (table: Tensor | undefined) => Tensor
  /** Self-attention bias of every block but block 0 (own head), where it is the backbone's. */
  readonly laterBias?: Tensor
  /** Sees what a recorded case may ask for, by the case's name. */
  readonly trace?: (name: string, value: Tensor) => void
}

/** The layers of a stack that have a ladder block, in the order in which they were named. */
function sideLayers({ name, layers }: BackboneStack, options: LadderOptions): readonly number[] {
  const named = name === 'encoder' ? options.encoderSideLayers : options.decoderSideLayers
  return named ?? Array.from({ length: layers }, (_, layer) => layer)
}

/**
 * Runs a stack of the ladder beside the backbone's taps.
 *
 * @param state [b, n, s], scaled down and dropped out by the caller
 * @returns [b, n, s] after what ends the stack
 */
export function runLadder(state: Tensor, run: LadderStack, context: LadderContext): Tensor {
  const { stack, taps, pictureRows, cross, trace } = run
  const { options } = context
  const { at } = stack
  const sizes = ladderSizes(stack, context)
  const named = sideLayers(stack, options)
  const bias = ladderBias(run, sizes, named)
  if (options.gate === 'learnable') {
    for (let layer = 0; layer < stack.layers; layer++) gateParameter(at, `side_gate_params.${layer}`, context)
  }
  let s = state
  for (const [layer, tap] of taps.entries()) {
    trace?.(`tap.${stack.name}.${layer}`, tap)
    if (!named.includes(layer)) continue
    const t = scaleTap(tap, layer, stack, context)
    trace?.(`down.${stack.name}.${layer}`, t)
    const gate = gateOf(at, `side_gate_params.${layer}`, context)
    if (!options.residualAfter) s = mixRows(s, t, gate, pictureRows, context)
    trace?.(`side.${stack.name}.${layer}.in`, s)
    const own = layer > 0 && run.laterBias ? run.laterBias : bias
    trace?.(`side.${stack.name}.bias.${layer}`, own)
    s = stack.block(s, { at: at.at(`side_block.${layer}`), sizes, bias: own, cross })
    if (options.residualAfter) s = mixRows(s, t, gate, pictureRows, context)
    trace?.(`side.${stack.name}.${layer}`, s)
  }
  const finished = stack.finish(s, 'final_side_layer_norm')
  trace?.(`side.${stack.name}.norm`, finished)
  return finished
}

/**
 * The first layer *named* owns the position table, the first that *runs* makes the bias of all: lists out of order
 * lose it (reference; glue.md §3.1). With an own head only layer 0 has a table, and uses it alone.
 */
function ladderBias(run: LadderStack, sizes: BlockSizes, named: readonly number[]): Tensor {
  const { stack, biasOf, laterBias } = run
  const owner = laterBias ? 0 : named[0]
  if (owner === undefined || !named.includes(owner)) return biasOf(undefined)
  const table = stack.table(stack.at.at(`side_block.${owner}`), sizes)
  return biasOf(owner === Math.min(...named) ? table : undefined)
}

/** Mixes with a learned gate of its own name: the heads and `mergeLast`. */
export function learnedGate(at: Scope, name: string, context: LadderContext): Tensor {
  return sigmoid(div(gateParameter(at, name, context), context.options.gateTemperature))
}
