/**
 * Ladder Side-Tuning (Sung et al. 2022): a small network beside the frozen backbone reads its blocks' outputs. The
 * backbone reads the text only; pictures enter the ladder alone. Defaults are the vision code's; `variant: text` is
 * the code of the GLUE experiments.
 */
import { z } from 'zod'
import { UserError } from '../base/index.js'
import {
  concat,
  detach,
  exp,
  gather,
  logSoftmax,
  matMul,
  mul,
  sub,
  sum,
  type Tensor,
} from '../graph/index.js'
import {
  type BackboneStack,
  filled,
  gateOf,
  headName,
  type LadderContext,
  type LadderOptions,
  type LadderStack,
  ladderSizes,
  learnedGate,
  mix,
  normal,
  ownBias,
  runLadder,
  runStack,
  sample,
} from '../models/index.js'
import { wanted, withPictures } from './joint.js'
import { type DecoderOutput, defineMethod, type MethodContext } from './method.js'
import { layerList } from './trainable.js'

const layers = layerList.default(null)

const options = z.strictObject({
  variant: z.enum(['vision', 'text']).default('vision'),
  reductionFactor: z.int().positive().default(8),
  gate: z.enum(['learnable', 'one', 'none', 'schedule-linear', 'schedule-hyperbolic']).default('learnable'),
  gateTemperature: z.number().positive().default(0.1),
  gateAlpha: z.number().default(0),
  residualAfter: z.boolean().default(false),
  downsamplePool: z.boolean().default(false),
  samplingBias: z.boolean().default(true),
  encoderSideLayers: layers,
  decoderSideLayers: layers,
  /** Mix the backbone decoder's output into the ladder's (side-tuning). */
  mergeLast: z.boolean().default(false),
  /** The ladder has an embedding and a head of its own; the backbone's logits are mixed in. */
  ownHead: z.boolean().default(false),
  freezeOwnHead: z.boolean().default(false),
  /** Train the backbone's head (and with it, if tied, its embedding). */
  unfreezeHead: z.boolean().default(false),
  /** Leave a classifier as it starts. */
  freezeClassifier: z.boolean().default(false),
  /** Weight of the divergence from the backbone's own sharpened predictions. */
  lambdaDistill: z.number().nonnegative().default(0),
  lambdaLabel: z.number().nonnegative().default(1),
  tapNorm: z.boolean().default(false),
  gateImageRows: z.boolean().default(true),
  /** What the ladder's weights start from: drawn (`random`), cut out of the backbone, or a file of such weights. */
  sideInit: z.string().min(1).default('random'),
  /** Samples that Fisher importance is measured on; `null`: as many as the reference takes, or all. */
  sideInitSamples: z.int().positive().nullable().default(null),
})

type Options = z.infer<typeof options>
type Context = MethodContext<Options>

const gateInput = 'sideGate'
const ownHeadDeviation = 0.01
const teacherTemperature = 0.1

export const lst = defineMethod<Options>({
  name: 'lst',
  summary: 'a small ladder beside the frozen backbone trains; no gradient enters the backbone',
  options,
  trains(name, { freezeOwnHead, unfreezeHead, freezeClassifier }, config) {
    if (name.startsWith('classification_head.')) return !freezeClassifier
    if (freezeOwnHead && name.startsWith('side_lm_head')) return false
    if (unfreezeHead && name === headName(config)) return true
    return name.includes('side') || name.includes('visual_embedding')
  },
  encode({ inputIds, attentionMask, visual }, context) {
    const { model, trace, options: given, config } = context
    const { encoder } = model
    const pictureRows = visual?.shape[1] ?? 0
    if (visual && given.ownHead) {
      throw new UserError('method lst: "ownHead" is for text alone: leave it out of a task with pictures')
    }
    if (given.ownHead && config.modelType !== 't5') {
      throw new UserError(
        `method lst: "ownHead" is for T5 alone, and the backbone is ${config.modelType}: leave it out`,
      )
    }
    const bias = ownBias(encoder, { textMask: attentionMask, pictureRows: 0 })
    const taps: Tensor[] = []
    const embedding = encoder.enter(encoder.embed(inputIds))
    const hiddenStates = runStack(embedding, encoder, { bias, onBlock: (h) => taps.push(h) })
    trace?.('encoder', hiddenStates)
    const start = ladderStart(inputIds, visual ? concat([embedding, visual], 1) : embedding, encoder, context)
    const sideStates = climb(start, context, {
      ...{ stack: encoder, taps, pictureRows },
      biasOf: (table) => encoder.selfBias({ textMask: attentionMask, pictureRows }, table),
      backboneBias: bias,
    })
    trace?.('side_encoder', sideStates)
    return {
      ...{ encoderHiddenStates: hiddenStates, encoderMask: attentionMask, sideHiddenStates: sideStates },
      sideMask: withPictures(attentionMask, pictureRows),
    }
  },
  decode(state, decoderInputIds, context) {
    const { model, trace } = context
    const { decoder } = model
    const length = decoderInputIds.shape[1]!
    const bias = ownBias(decoder, { length })
    const taps: Tensor[] = []
    const embedding = decoder.enter(decoder.embed(decoderInputIds))
    const hiddenStates = runStack(embedding, decoder, {
      bias,
      cross: { memory: state.encoderHiddenStates!, bias: model.crossBias(state.encoderMask!) },
      onBlock: (h) => taps.push(h),
    })
    const sideStates = climb(ladderStart(decoderInputIds, embedding, decoder, context), context, {
      ...{ stack: decoder, taps, pictureRows: 0 },
      biasOf: (table) => decoder.selfBias({ length }, table),
      backboneBias: bias,
      cross: { memory: state.sideHiddenStates!, bias: model.crossBias(state.sideMask!) },
    })
    trace?.('side_decoder', sideStates)
    return predict(wanted(hiddenStates, context), wanted(sideStates, context), context)
  },
  classified: ({ sideHiddenStates }, context) => scaledUp(sideHiddenStates!, context),
  schedules({ gate, variant }, epoch, epochs) {
    if (!scheduled({ gate, variant })) return {}
    if (gate === 'schedule-hyperbolic') return { [gateInput]: Math.min(0.9, Math.max(0.1, 1 / (1 + epoch))) }
    return { [gateInput]: epochs === 1 ? 0.1 : 0.1 + (0.8 * epoch) / (epochs - 1) }
  },
})

/** The vision code has no gate schedule: there, such a gate stays 1. */
function scheduled({ gate, variant }: Pick<Options, 'gate' | 'variant'>): boolean {
  return gate.startsWith('schedule') && variant === 'text'
}

function ladderContext({ root, config, options, inputs }: Context): LadderContext {
  const gate: LadderOptions['gate'] =
    options.gate === 'learnable' || options.gate === 'none'
      ? options.gate
      : scheduled(options)
        ? 'schedule'
        : 'one'
  const scheduledGate = inputs[gateInput]
  return { root, config, options: { ...options, gate }, ...(scheduledGate ? { scheduledGate } : {}) }
}

/** What the ladder starts from: embeddings scaled down, or its own embedding of the tokens. */
function ladderStart(ids: Tensor, embedding: Tensor, stack: BackboneStack, context: Context): Tensor {
  const { root, config, options, trace } = context
  const ladder = ladderContext(context)
  const { dModel } = ladderSizes(stack, ladder)
  const { at } = stack
  const start = options.ownHead
    ? at.dropout(
        gather(
          root.at('side_shared').parameter('weight', [config.vocabSize, dModel], normal(ownHeadDeviation)),
          ids,
        ),
      )
    : sample(at.dropout(embedding), at.at('side_first_downsample'), dModel, ladder)
  trace?.(`side.${stack.name}.first`, start)
  return start
}

/** Runs one stack of the ladder. With an own head, blocks after the first use the backbone's position bias. */
function climb(
  start: Tensor,
  context: Context,
  { backboneBias, ...run }: LadderStack & { readonly backboneBias: Tensor },
): Tensor {
  const { trace, options } = context
  return runLadder(
    start,
    {
      ...run,
      ...(options.ownHead ? { laterBias: backboneBias } : {}),
      ...(trace ? { trace } : {}),
    },
    ladderContext(context),
  )
}

/** Logits from both decoders' last states, and the distillation loss where it is asked for. */
function predict(hiddenStates: Tensor, sideStates: Tensor, context: Context): DecoderOutput {
  const { root, model, options } = context
  const ladder = ladderContext(context)
  const logits = options.ownHead
    ? mix(
        ownLogits(sideStates, context),
        model.head(hiddenStates),
        gateOf(root, 'side_lm_gate_params.0', ladder),
      )
    : model.head(merged(hiddenStates, sideStates, context, ladder))
  if (options.lambdaDistill === 0) return { logits, labelFactor: options.lambdaLabel }
  const penalty = mul(divergence(logits, model.head(hiddenStates)), options.lambdaDistill)
  return { logits, labelFactor: options.lambdaLabel, penalty }
}

function merged(hiddenStates: Tensor, sideStates: Tensor, context: Context, ladder: LadderContext): Tensor {
  const up = scaledUp(sideStates, context)
  return context.options.mergeLast
    ? mix(up, hiddenStates, learnedGate(context.root, 'side_gate_params_merge_last', ladder))
    : up
}

/** The ladder's states at the backbone's width. */
function scaledUp(sideStates: Tensor, context: Context): Tensor {
  const { root, config, trace } = context
  const up = sample(sideStates, root.at('side_final_upsample'), config.dModel, ladderContext(context))
  trace?.('upsample', up)
  return up
}

/** Reference: the own head scales by d^−½ of the backbone's width, and a scalar `side_lm_gate` is never used. */
function ownLogits(sideStates: Tensor, { root, config }: Context): Tensor {
  root.parameter('side_lm_gate', [1], filled(0))
  const { vocabSize, dModel, tieWordEmbeddings } = config
  const width = sideStates.shape.at(-1) as number
  const weight = root.at('side_lm_head').parameter('weight', [vocabSize, width], normal(ownHeadDeviation))
  return matMul(sideStates, weight, { transposeB: true, alpha: tieWordEmbeddings ? dModel ** -0.5 : 1 })
}

/** Σ p_t (ln p_t − ln p) over all positions, p_t the backbone's own predictions at temperature 0.1. */
function divergence(logits: Tensor, teacherLogits: Tensor): Tensor {
  const teacher = logSoftmax(mul(detach(teacherLogits), 1 / teacherTemperature))
  return sum(mul(exp(teacher), sub(teacher, logSoftmax(logits))))
}
