import { expect, test } from 'vitest'
import { ignoredLabel, type LossWeighting, lossWeights } from '../../src/tasks/index.js'
import { tensorOf } from '../vl/safetensors.js'

/** A recorded loss case: labels by row, token losses, the loss. */
function lossCase(path: string) {
  const labels = tensorOf(path, 'in/labels')
  const width = labels.shape[1]!
  const rows = Array.from({ length: labels.shape[0]! }, (_, b) => [
    ...labels.data.subarray(b * width, (b + 1) * width),
  ])
  const tokenLoss = tensorOf(path, 'want/token_loss').data
  return { rows, tokenLoss, loss: tensorOf(path, 'want/loss').data[0]! }
}

const weightedSum = (weights: Float32Array, losses: Float32Array) =>
  weights.reduce((sum, weight, i) => sum + weight * losses[i]!, 0)

const tokensOf = (rows: number[][]) => rows.flat().filter((label) => label !== ignoredLabel).length

test.each<[string, LossWeighting]>([
  ['loss-vqa-t5', 'vqa'],
  ['loss-vqa-t5-lst', 'vqa'],
  ['loss-vqa-bart', 'vqa'],
  ['loss-gqa-t5', 'gqa'],
  ['loss-nlvr-t5', 'nlvr'],
  ['loss-nlvr-bart', 'nlvr'],
  ['loss-caption-t5', 'tokens'],
  ['loss-caption-t5-lst', 'tokens'],
  ['loss-caption-bart', 'tokens'],
])(
  '%s: the weighted token losses sum to the recorded loss, whole and in micro-batches',
  (name, weighting) => {
    const path = `vl-tasks/${name}`
    const { rows, tokenLoss, loss } = lossCase(path)
    const scores = weighting === 'vqa' ? [...tensorOf(path, 'in/scores').data] : rows.map(() => 1)
    const step = { samples: rows.length, tokens: tokensOf(rows) }
    const whole = lossWeights(weighting, rows, scores, step)
    expect(weightedSum(whole, tokenLoss)).toBeCloseTo(loss, 5)
    const parts = [0, 1, 2, 3, 4].map((b) =>
      lossWeights(weighting, rows.slice(b, b + 1), scores.slice(b, b + 1), step),
    )
    expect(parts.flatMap((part) => [...part])).toEqual([...whole])
  },
)
