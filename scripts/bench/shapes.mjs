/** The shapes that are measured (vision and language, GLUE): sizes of one batch at T5-base, and a task whose settings in the paper are taken. */
export const shapes = {
  V: {
    backbone: 't5-base',
    batch: 16,
    text: 20,
    positions: 36,
    featDim: 2048,
    target: 5,
    task: 'vqa',
  },
  G: { backbone: 't5-base', batch: 16, text: 128, positions: 0, featDim: 0, target: 2, task: 'cola' },
}

/** Rows `from` … `to` − 1 of a batch, weighted as a part of the whole. */
export function rowsOf(batch, from, to) {
  const cut = (values) => {
    const width = values.length / batch.batch
    return values.slice(from * width, to * width)
  }
  const rows = Object.entries(batch).map(([name, value]) => [
    name,
    ArrayBuffer.isView(value) ? cut(value) : value,
  ])
  return { ...Object.fromEntries(rows), batch: to - from }
}

/** A batch of these sizes whose ids and features are a fixed function of their place. */
export function randomBatch({ batch, text, positions, featDim, target }, vocabulary) {
  const ids = (count, from) =>
    BigInt64Array.from({ length: count }, (_, i) => BigInt(2 + ((i * 7919 + from) % (vocabulary - 130))))
  const labels = ids(batch * target, 3)
  const decoderInputIds = labels.map((_, i) => (i % target === 0 ? 0n : labels[i - 1]))
  return {
    ...{ batch, text, target, positions, featDim },
    inputIds: ids(batch * text, 11),
    attentionMask: new BigInt64Array(batch * text).fill(1n),
    labels,
    decoderInputIds,
    lossWeights: new Float32Array(batch * target).fill(1 / (batch * target)),
    visFeats: Float32Array.from({ length: batch * positions * featDim }, (_, i) => Math.sin(i)),
    boxes: new Float32Array(batch * positions * 4),
  }
}
