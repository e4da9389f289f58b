/** A batch as the tensors that the graphs are fed with. */

import { hash32 } from '../base/index.js'
import { float32, HostTensor, int64, type Tensors } from '../runtime/index.js'
import type { Batch } from '../tasks/index.js'
import type { ModelSpec } from './graphs.js'

/** Which rows of which step's global batch a batch holds. */
export interface StepPlace {
  readonly step: number
  readonly firstRow: number
  /** Samples of the whole step: what a penalty summed over them is divided by. */
  readonly samples: number
}

/** Inputs of the encoder; pictures where the batch has any. */
export function encoderFeeds(
  batch: Omit<Batch, 'labels' | 'decoderInputIds' | 'lossWeights' | 'labelValues'>,
  images = 1,
): Tensors {
  const { batch: rows, text, positions, featDim } = batch
  const words = [rows, text]
  const feeds = { inputIds: int64(words, batch.inputIds), attentionMask: int64(words, batch.attentionMask) }
  if (positions === 0) return feeds
  const perImage = positions / images
  const order = (of: (position: number) => number) =>
    int64(
      [positions],
      BigInt64Array.from({ length: positions }, (_, position) => BigInt(of(position))),
    )
  return {
    ...feeds,
    visFeats: float32([rows, positions, featDim], batch.visFeats),
    boxes: float32([rows, positions, 4], batch.boxes),
    imageOrder: order((position) => Math.floor(position / perImage)),
    objectOrder: order((position) => position % perImage),
  }
}

/** Inputs of the gradient graph. */
export function batchFeeds(batch: Batch, images = 1): Tensors {
  const target = [batch.batch, batch.target]
  if (batch.labelValues) {
    const rows = [batch.batch]
    return {
      ...encoderFeeds(batch, images),
      labelValues: float32(rows, batch.labelValues),
      lossWeights: float32(rows, batch.lossWeights),
    }
  }
  return {
    ...encoderFeeds(batch, images),
    decoderInputIds: int64(target, batch.decoderInputIds),
    labels: int64(target, batch.labels),
    lossWeights: float32(target, batch.lossWeights),
  }
}

/** A number a row that is its own in every step of every run, whatever the batch is cut into. */
export function dropoutFeeds(
  { dropout }: ModelSpec,
  rows: number,
  seed: number,
  { step, firstRow }: Pick<StepPlace, 'step' | 'firstRow'>,
): Tensors {
  if (dropout === 0) return {}
  const keys = Uint32Array.from({ length: rows }, (_, row) => hash32(seed, step, firstRow + row))
  return { dropoutKeys: new HostTensor('uint32', [rows], keys) }
}

export function scalarFeeds(scalars: Readonly<Record<string, number>>): Tensors {
  return Object.fromEntries(Object.entries(scalars).map(([name, value]) => [name, float32([], [value])]))
}
