/**
 * How token losses ℓ[b, t] become one number: loss = Σ weight[b, t] · ℓ[b, t]. The weights hold a whole
 * step's denominators, so that micro-batches and workers just add up.
 */

/** Label of a token that has no loss. */
export const ignoredLabel = -100

/** What the whole step has, over all its micro-batches and workers. */
export interface StepTotals {
  readonly samples: number
  /** Tokens whose label isn't ignored. */
  readonly tokens: number
}

/**
 * Weight of each token of a sample, from its score and its count of tokens (Reference: `*_model.py`,
 * `train_step`). A mean divides by the batch size, never by the sum of scores.
 */
const lossWeightings = {
  vqa: (score, tokens, step) => score / (step.samples * Math.max(1, tokens)),
  gqa: (_score, tokens, step) => 1 / (step.samples * Math.max(1, tokens)),
  nlvr: (_score, tokens, step) => 1 / (step.samples * Math.max(1, tokens)),
  /** One mean over all tokens (captions, texts with labels): long targets weigh more. */
  tokens: (_score, _tokens, step) => 1 / Math.max(1, step.tokens),
} as const satisfies Record<string, (score: number, tokens: number, step: StepTotals) => number>

export type LossWeighting = keyof typeof lossWeightings

/**
 * @param labels one row of token ids a sample, `ignoredLabel` where there is no loss; all rows as long
 * @param scores one a sample, 0 … 1
 * @returns [batch, target], 0 where the label is ignored
 */
export function lossWeights(
  weighting: LossWeighting,
  labels: readonly (readonly number[])[],
  scores: readonly number[],
  step: StepTotals,
): Float32Array {
  const width = labels[0]?.length ?? 0
  const weights = new Float32Array(labels.length * width)
  for (const [sample, row] of labels.entries()) {
    const weight = lossWeightings[weighting](scores[sample]!, countTokens(row), step)
    for (const [t, label] of row.entries()) if (label !== ignoredLabel) weights[sample * width + t] = weight
  }
  return weights
}

/** How many labels have a loss. */
export function countTokens(labels: readonly number[]): number {
  return labels.reduce((count, label) => count + (label === ignoredLabel ? 0 : 1), 0)
}
