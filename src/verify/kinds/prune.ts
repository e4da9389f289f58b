/** Initial ladder weights cut out of a backbone: importances, chosen rows, and the weights that they leave. */
import { z } from 'zod'
import type { BackboneConfig, BuiltGraph } from '../../models/index.js'
import {
  cut,
  type Importance,
  type Layout,
  layoutOf,
  type Selection,
  selectors,
  sideName,
} from '../../pruning/index.js'
import { float32, int64, type Tensors } from '../../runtime/index.js'
import { type Batch, ignoredLabel, lossWeights } from '../../tasks/index.js'
import { batchFeeds, fisherGraph, fisherImportance } from '../../training/index.js'
import { checkInputs, shiftRight } from '../batch.js'
import { type RecordedCase, readValues } from '../case.js'
import { decoderClassifierGraph } from '../decoderClassifier.js'
import type { Kind, VerifyContext } from '../kind.js'
import { readConfig } from '../model.js'
import { NotSupported } from '../notSupported.js'
import { checkOptions, noEffect, only, type Rules, readOptions, to } from '../options.js'
import { openParameters } from '../parameters.js'
import { openCaseSession, precisionOf } from '../precision.js'
import { floats, integers, numbersOf, rowOf, type Values } from '../values.js'

const layers = z.array(z.int().nonnegative()).nullable().default(null)
const schema = z.object({
  /** `MEASURE-VERSION`; magnitudes are called by the model's name. */
  init: z.string(),
  reductionFactor: z.int().positive(),
  samples: z.int().nonnegative().nullable().default(null),
  encoderSideLayers: layers,
  decoderSideLayers: layers,
})
type Options = z.infer<typeof schema>

const common: Rules = {
  task_reduction_factor: to('reductionFactor'),
  reduction_factor: to('reductionFactor'),
  samples: to('samples'),
  samples_for_fisher: to('samples'),
  encoder_side_layers: to('encoderSideLayers'),
  decoder_side_layers: to('decoderSideLayers'),
}

/** The ladder's other options change nothing about the weights that it starts from. */
const ladder = ['use_gate', 'gate_T', 'gate_alpha', 'add_residual_after', 'side_downsample_pool']
const dialects = {
  method: {
    ...{ ...common, name: noEffect, variant: noEffect, add_bias_sampling: noEffect, init: to('init') },
    ...Object.fromEntries(ladder.map((name) => [name, noEffect])),
  },
  prune: {
    ...{ ...common, importance: to('measure'), version: to('version') },
    ...{ batch_size: only(1), weight_scale: only(false) },
  },
} satisfies Record<string, Rules>

export const prune: Kind = {
  name: 'prune',
  async compute(recorded, context) {
    const config = readConfig(recorded)
    const options = readPrune(recorded)
    const [, measure, version = ''] = /^(fisher|magnitude|t5|t5-base)-(v\d+|bart)$/.exec(options.init) ?? []
    if (!selectors.names.includes(version)) throw new NotSupported(`pruning by ${options.init}`)
    // What is chosen is compared for equality, and rows may be closer together than float32 tells apart.
    const exact: VerifyContext = { precision: 'float64', ...context }
    const { graph, samples } = readMeasure(recorded, config)
    const taken = samples.slice(0, options.samples ?? undefined)
    const squares = measure === 'fisher' ? await fisherOf(recorded, graph, taken, exact) : undefined
    const { tensors } = recorded.weights
    const importance: Importance = {
      shape: (name) => tensors.get(name)!.shape,
      values: (name) => squares?.get(name) ?? recorded.weights.readFloat32(name),
    }
    const layout = layoutOf(config)
    const selection = selectors.get(version).select(layout, importance, options.reductionFactor)
    const values = new Map<string, Values>([
      ...graph.parameters.map(
        ({ name, shape }) => [`want/importance/${name}`, floats(shape, importance.values(name))] as const,
      ),
      ...keptRows(selection, layout),
      ...sideWeights(recorded, selection, options),
    ])
    return { values, ...(squares ? { precision: precisionOf(recorded, exact) } : {}) }
  },
}

/** The two code bases' sections, of which a case has one. */
function readPrune({ json }: RecordedCase): Options {
  if (json.prune === undefined)
    return checkOptions('method', readOptions('method', json.method ?? {}, dialects.method), schema)
  const section = z.record(z.string(), z.unknown()).parse(json.prune)
  const { measure, version, ...given } = readOptions('prune', section, dialects.prune)
  return checkOptions('prune', { ...given, init: `${measure}-${version}` }, schema)
}

/** What importance is measured with: a graph, and its inputs for one sample after the other. */
interface Measure {
  readonly graph: BuiltGraph
  readonly samples: readonly (() => Tensors)[]
}

/** @throws {NotSupported} classes that are not told apart by BART */
function readMeasure(recorded: RecordedCase, config: BackboneConfig): Measure {
  const labels = recorded.json.model?.num_labels
  if (labels === undefined || recorded.inputs.tensors.get('labels')?.shape.length !== 1) {
    const samples = readSamples(recorded, config).map((batch) => () => batchFeeds(batch))
    return { graph: fisherGraph(config), samples }
  }
  if (config.modelType !== 'bart' || typeof labels !== 'number')
    throw new NotSupported(
      `importance by a classifier of ${JSON.stringify(labels)} labels on ${config.modelType}`,
    )
  return { graph: decoderClassifierGraph(config, labels), samples: readClassified(recorded, config) }
}

/** Rows of a padded batch with a class each: the decoder reads the text, one place later. */
function readClassified(
  recorded: RecordedCase,
  { padTokenId: pad, decoderStartTokenId: start }: BackboneConfig,
): Measure['samples'] {
  const { inputs } = recorded
  checkInputs(recorded, ['input_ids', 'attention_mask', 'labels'])
  const [ids, masks] = ['input_ids', 'attention_mask'].map((name) => rowsOf(readValues(inputs, name)))
  const classes = numbersOf(readValues(inputs, 'labels'))
  const big = (shape: readonly number[], numbers: readonly number[]) =>
    int64(shape, BigInt64Array.from(numbers, BigInt))
  return ids!.map((row, i) => () => {
    const words = [1, row.length]
    return {
      inputIds: big(words, row),
      attentionMask: big(words, masks![i]!),
      decoderInputIds: big(words, shiftRight(row, { pad, start })),
      labels: big([1], [classes[i]!]),
      lossWeights: float32([1], [1]),
    }
  })
}

/** Samples, each as a batch of its own: `in/input_ids.K`, or the rows of `in/input_ids`. */
function readSamples(recorded: RecordedCase, config: BackboneConfig): Batch[] {
  const { inputs } = recorded
  const ids = [...inputs.tensors.keys()].filter((name) => /^input_ids\b/.test(name))
  const suffixes = ids.map((name) => name.replace('input_ids', ''))
  checkInputs(recorded, [
    'attention_mask',
    ...suffixes.flatMap((suffix) => [`input_ids${suffix}`, `labels${suffix}`]),
  ])
  const ordered = suffixes.sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)))
  return ordered.flatMap((suffix) => {
    const rows = (name: string) => rowsOf(readValues(inputs, name))
    const masks = inputs.tensors.has('attention_mask') ? rows('attention_mask') : undefined
    const labels = rows(`labels${suffix}`)
    return rows(`input_ids${suffix}`).map((row, i) => sampleOf(row, masks?.[i], labels[i]!, config))
  })
}

function rowsOf(values: Values): number[][] {
  return Array.from({ length: values.shape[0]! }, (_, row) => numbersOf(rowOf(values, row)))
}

/** Without a mask nothing is masked. */
function sampleOf(
  ids: readonly number[],
  mask: readonly number[] | undefined,
  labels: readonly number[],
  { padTokenId: pad, decoderStartTokenId: start }: BackboneConfig,
): Batch {
  const tokens = labels.filter((label) => label !== ignoredLabel).length
  const big = (numbers: readonly number[]) => BigInt64Array.from(numbers, BigInt)
  return {
    ...{ batch: 1, text: ids.length, target: labels.length, positions: 0, featDim: 0 },
    ...{ inputIds: big(ids), attentionMask: big(mask ?? ids.map(() => 1)), labels: big(labels) },
    decoderInputIds: big(shiftRight(labels, { pad, start })),
    lossWeights: lossWeights('gqa', [labels], [1], { samples: 1, tokens }),
    ...{ visFeats: new Float32Array(), boxes: new Float32Array() },
  }
}

async function fisherOf(
  recorded: RecordedCase,
  graph: BuiltGraph,
  samples: Measure['samples'],
  context: VerifyContext,
): Promise<ReadonlyMap<string, Float32Array>> {
  const store = openParameters(graph.parameters, recorded.weights)
  const session = await openCaseSession(graph, recorded, context)
  try {
    return await fisherImportance(session, store, feedsOf(samples))
  } finally {
    session.close()
    store.release()
  }
}

/** Made one by one: each is released when it was used. */
function* feedsOf(samples: Measure['samples']): Generator<Tensors> {
  for (const make of samples) yield make()
}

/**
 * The rows by the names of both groups: `ROUND.STACK.LAYER.WHAT` numbered as the round before left them, and the first
 * tensor's name, numbered as in the whole tensor.
 */
function keptRows({ kept, rounds }: Selection, { tokenTable }: Layout): (readonly [string, Values])[] {
  const byRound = rounds.flatMap((chosen, round) =>
    [...chosen].map(([name, rows]) => [`want/keep/${round}.${whatIsChosen(name)}`, rows] as const),
  )
  const byName = [...(rounds[0]?.keys() ?? [])].map((name) => {
    const axes = kept.get(name)!
    return [`want/keep/${name}`, name === tokenTable ? axes[1]! : axes[0]!] as const
  })
  return [...byRound, ...byName].map(([name, rows]) => [name, integers([rows.length], rows)])
}

/** `encoder.block.0.layer.0.SelfAttention.q.weight` → `encoder.0.SelfAttention.qkv`; others keep their names. */
function whatIsChosen(name: string): string {
  if (name === 'shared.weight') return 'shared'
  const [, stack, layer, what] = /^(\w+)\.block\.(\d+)\.layer\.\d+\.(.+)\.weight$/.exec(name) ?? []
  if (what === undefined) return name
  return `${stack}.${layer}.${what.replace('DenseReluDense.', '').replace('.q', '.qkv')}`
}

/** The ladder's weights of all layers; T5's position table stands in the first layer that is kept. */
function sideWeights({ weights }: RecordedCase, { kept }: Selection, options: Options) {
  const blocks = [...kept].flatMap(([name, axes]) => {
    const side = sideName(name)
    if (side === undefined) return []
    const values = cut(weights.readFloat32(name), weights.tensors.get(name)!.shape, axes)
    return [
      [
        `want/side/${side}`,
        floats(
          axes.map(({ length }) => length),
          values,
        ),
      ] as const,
    ]
  })
  const owners = { encoder: options.encoderSideLayers, decoder: options.decoderSideLayers }
  const tables = Object.entries(owners).flatMap(([stack, named]) => {
    const at = (block: string) => `${stack}.${block}.layer.0.SelfAttention.relative_attention_bias.weight`
    if (!weights.tensors.has(at('block.0'))) return []
    return [[`want/side/${at(`side_block.${named?.[0] ?? 0}`)}`, readValues(weights, at('block.0'))] as const]
  })
  return [...blocks, ...tables]
}
