/** A case's inputs as the batches of a step. */
import { firstRows, maxPool, poolings } from '../../vl/index.js'
import { UserError } from '../base/index.js'
import { type Batch, ignoredLabel, lossWeights } from '../tasks/index.js'
import type { Checkpoint } from '../weights/index.js'
import { type RecordedCase, readValues } from './case.js'
import type { CaseModel } from './model.js'
import { NotSupported } from './notSupported.js'
import type { CaseTask } from './task.js'
import type { CaseVision } from './vision.js'

const knownInputs = ['input_ids', 'attention_mask', 'labels', 'vis_feats', 'boxes', 'scores']

/** @throws {NotSupported} an input that would stay unread */
export function checkInputs({ inputs }: RecordedCase, known: readonly string[] = knownInputs): void {
  const unknown = [...inputs.tensors.keys()].find((name) => !known.includes(name))
  if (unknown !== undefined) throw new NotSupported(`input in/${unknown}`)
}

/** Pictures after pooling, each sample's images one behind the other. */
export interface Pictures {
  readonly batch: number
  readonly images: number
  /** Of one image. */
  readonly positions: number
  /** [batch, images, positions, featDim] */
  readonly features: Float32Array
  /** [batch, images, positions, 4] */
  readonly boxes: Float32Array
  /** How many positions of an image there were, and how many of its first rows stay where nothing is pooled. */
  readonly given: number
}

/**
 * @param images how many images share the axis of positions, where they have no axis of their own
 */
export function readPictures(inputs: Checkpoint, { embedding, pooling }: CaseVision, images = 1): Pictures {
  const shape = inputs.tensors.get('vis_feats')?.shape
  if (!shape) throw new UserError('in/vis_feats is missing')
  const [batch = 0, ...rest] = shape
  const axes = rest.length === 3 ? rest : [images, (rest[0] ?? 0) / images, rest[1]]
  const sizes = { batch, images: axes[0]!, positions: axes[1]! }
  const given = {
    features: inputs.readFloat32('vis_feats'),
    boxes: inputs.readFloat32('boxes'),
  }
  const counts = { batch, images: sizes.images, given: sizes.positions }
  if (!pooling) return { ...counts, positions: sizes.positions, ...given }
  const windows = poolings[pooling.kind](sizes.positions, pooling.nBoxes)
  return {
    ...counts,
    positions: windows.length,
    features: maxPool(given.features, { ...sizes, width: embedding.featDim }, windows),
    boxes: firstRows(given.boxes, { ...sizes, width: 4 }, windows.length),
  }
}

export interface CaseBatch {
  readonly batch: Batch
  readonly images: number
}

/** Everything but what the loss needs. */
export function readBatch({ inputs }: RecordedCase, { spec, vision }: CaseModel): CaseBatch {
  const ids = readValues(inputs, 'input_ids')
  const inputIds = ids.data as BigInt64Array
  const [batch = 0, text = 0] = ids.shape
  const pad = BigInt(spec.config.padTokenId)
  const pictures = vision && readPictures(inputs, vision)
  return {
    images: pictures?.images ?? 1,
    batch: {
      ...{ batch, text, target: 0, inputIds },
      attentionMask: inputs.tensors.has('attention_mask')
        ? (readValues(inputs, 'attention_mask').data as BigInt64Array)
        : inputIds.map((id) => (id === pad ? 0n : 1n)),
      ...{
        labels: new BigInt64Array(),
        decoderInputIds: new BigInt64Array(),
        lossWeights: new Float32Array(),
      },
      positions: (pictures?.images ?? 0) * (pictures?.positions ?? 0),
      featDim: vision?.embedding.featDim ?? 0,
      visFeats: pictures?.features ?? new Float32Array(),
      boxes: pictures?.boxes ?? new Float32Array(),
    },
  }
}

/**
 * The batch with labels, cut into consecutive parts.
 *
 * @returns parts whose losses and gradients add up to the step's
 */
export function readParts(
  recorded: RecordedCase,
  model: CaseModel,
  { weighting }: CaseTask,
  count: number,
): readonly CaseBatch[] {
  const { batch, images } = readBatch(recorded, model)
  const { inputs } = recorded
  const labels = readValues(inputs, 'labels')
  const target = labels.shape[1] ?? 0
  const scores = inputs.tensors.has('scores') ? inputs.readFloat32('scores') : undefined
  if (weighting === 'vqa' && !scores) throw new UserError('in/scores is missing')
  const whole = { ...batch, target, labels: labels.data as BigInt64Array }
  if (batch.batch % count !== 0)
    throw new UserError(`${batch.batch} samples can't be cut into ${count} parts`)
  const size = batch.batch / count
  return Array.from({ length: count }, (_, part) => {
    const cut = rowsOf(whole, part * size, size)
    const rows = labelRows(cut)
    const { padTokenId: pad, decoderStartTokenId: start } = model.spec.config
    const tokens = rows.flat().filter((label) => label !== ignoredLabel).length
    const ofPart = Array.from({ length: size }, (_, row) => scores?.[part * size + row] ?? 1)
    const weights = lossWeights(weighting, rows, ofPart, { samples: size, tokens })
    return {
      images,
      batch: {
        ...cut,
        decoderInputIds: BigInt64Array.from(
          rows.flatMap((row) => shiftRight(row, { pad, start })),
          BigInt,
        ),
        lossWeights: weights.map((weight) => weight / count),
      },
    }
  })
}

/** Rows `first` … `first` + `size` − 1 of every array of a batch. */
function rowsOf(whole: Batch, first: number, size: number): Batch {
  const arrays = Object.entries(whole).flatMap(([name, values]) => {
    if (typeof values === 'number') return []
    const width = values.length / whole.batch
    return [[name, values.slice(first * width, (first + size) * width)] as const]
  })
  return { ...whole, batch: size, ...Object.fromEntries(arrays) }
}

function labelRows({ labels, batch, target }: Batch): number[][] {
  return Array.from({ length: batch }, (_, row) =>
    Array.from(labels.slice(row * target, (row + 1) * target), Number),
  )
}

export function shiftRight(
  labels: readonly number[],
  { pad, start }: { pad: number; start: number },
): number[] {
  return [start, ...labels.slice(0, -1).map((label) => (label === ignoredLabel ? pad : label))]
}
