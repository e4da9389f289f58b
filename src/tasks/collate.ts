import type { Sample } from '../../datasets/index.js'
import type { FeatureSource } from '../../vl/tasks/index.js'
import type { Random } from '../base/index.js'
import { equallyLong, padBatch } from '../text/index.js'
import { countTokens, ignoredLabel, lossWeights, type StepTotals } from './lossWeights.js'
import type { Source, Task } from './task.js'

/** What samples are encoded with. */
export interface SampleTokenizer {
  /**
   * @param options.pair a second text, behind the first
   * @returns ids with special tokens, at most `maxLength` of them; the special ones are never cut
   */
  encode(
    text: string,
    options: { readonly maxLength: number; readonly pair?: string | undefined },
  ): readonly number[]
}

/** The backbone's ids that shape a batch: T5 0 and 0, BART 1 and 2. */
export interface SpecialIds {
  readonly pad: number
  /** What the decoder begins with. */
  readonly start: number
}

/** A sample as numbers; its pictures are still ids. */
export interface EncodedSample {
  readonly inputIds: readonly number[]
  readonly targetIds: readonly number[]
  readonly score: number
  readonly pictures: readonly string[]
  /** In place of target ids, where a classifier answers. */
  readonly label?: number
}

/** What one run of the model reads. Rows are samples; shapes are given by the names of the first five. */
export interface Batch {
  readonly batch: number
  readonly text: number
  readonly target: number
  /** Of all pictures of a sample together: image 0's, then image 1's. */
  readonly positions: number
  readonly featDim: number
  /** [batch, text], padded on the right. */
  readonly inputIds: BigInt64Array
  /** [batch, text]: 1 where the id isn't pad. */
  readonly attentionMask: BigInt64Array
  /** [batch, target], −100 where there is no loss. */
  readonly labels: BigInt64Array
  /** [batch, target]: the start id, then labels without their last; pad for −100. */
  readonly decoderInputIds: BigInt64Array
  /** [batch, target]: loss = Σ weight · token loss; [batch] where a classifier answers. */
  readonly lossWeights: Float32Array
  /** [batch]: classes, or numbers; absent where answers are words. */
  readonly labelValues?: Float32Array
  /** [batch, positions, featDim] */
  readonly visFeats: Float32Array
  /** [batch, positions, 4], all zero: a grid has no boxes. */
  readonly boxes: Float32Array
}

/** The numbers of one sample: prompt and text, and a target drawn with `random`. */
export function encodeSample<S extends Sample>(
  task: Task<S>,
  sample: S,
  tokenizer: SampleTokenizer,
  random: Random,
): EncodedSample {
  const { text, pair } = sourceOf(task, sample)
  const inputIds = tokenizer.encode(text, { maxLength: task.maxInputLength, pair })
  if (task.classes)
    return { inputIds, targetIds: [], score: 1, pictures: [], label: task.classes.label(sample) }
  const target = task.target(sample, random)
  return {
    inputIds,
    targetIds: tokenizer.encode(target.text, { maxLength: longestTarget(task, tokenizer) }),
    score: target.score,
    pictures: task.pictures?.(sample) ?? [],
  }
}

/** What the encoder reads of a sample. */
export function sourceOf<S extends Sample>(
  { prompt, text, classes }: Pick<Task<S>, 'prompt' | 'text' | 'classes'>,
  sample: S,
): Source {
  return classes ? classes.source(sample) : { text: prompt + text(sample) }
}

/** Most tokens of a target, special ones included. */
export function longestTarget(
  { longestTarget: longest }: Pick<Task, 'longestTarget'>,
  tokenizer: SampleTokenizer,
) {
  if (typeof longest === 'number') return longest
  return Math.max(...longest.map((text) => tokenizer.encode(text, { maxLength: Infinity }).length))
}

/** The denominators of a step whose samples are these. */
export function stepTotals(samples: readonly EncodedSample[], { pad }: SpecialIds): StepTotals {
  const tokens = samples.reduce((sum, { targetIds }) => sum + countTokens(labelRow(targetIds, pad)), 0)
  return { samples: samples.length, tokens }
}

/**
 * One batch of encoded samples, padded to its own longest text and target.
 *
 * @param source features of the samples' pictures, where they have any
 * @param step totals of the whole step where these samples are only a part of it
 */
export async function collate(
  task: Pick<Task, 'lossWeighting'>,
  samples: readonly EncodedSample[],
  special: SpecialIds,
  source: FeatureSource = noPictures,
  step: StepTotals = stepTotals(samples, special),
): Promise<Batch> {
  const inputs = padBatch(
    samples.map(({ inputIds }) => inputIds),
    special.pad,
  )
  const labels = equallyLong(
    samples.map(({ targetIds }) => labelRow(targetIds, special.pad)),
    ignoredLabel,
  )
  const { ids: labelIds, length: target } = padBatch(labels, ignoredLabel)
  const decoderInputs = labels.map((row) => shiftRight(row, special))
  const scores = samples.map(({ score }) => score)
  const classes = samples.flatMap(({ label }) => label ?? [])
  const positions = (samples[0]?.pictures.length ?? 0) * source.positions
  return {
    batch: samples.length,
    text: inputs.length,
    target,
    positions,
    featDim: source.featDim,
    inputIds: inputs.ids,
    attentionMask: inputs.ids.map((id) => (id === BigInt(special.pad) ? 0n : 1n)),
    labels: labelIds,
    decoderInputIds: padBatch(decoderInputs, special.pad).ids,
    ...(classes.length > 0
      ? {
          labelValues: Float32Array.from(classes),
          lossWeights: new Float32Array(classes.length).fill(1 / step.samples),
        }
      : { lossWeights: lossWeights(task.lossWeighting, labels, scores, step) }),
    visFeats: await gather(samples, source, positions),
    boxes: new Float32Array(samples.length * positions * 4),
  }
}

/** Reference: padding is found by its value, so a pad id inside a target has no loss either. */
function labelRow(targetIds: readonly number[], pad: number): number[] {
  return targetIds.map((id) => (id === pad ? ignoredLabel : id))
}

function shiftRight(labels: readonly number[], { pad, start }: SpecialIds): number[] {
  return [start, ...labels.slice(0, -1).map((label) => (label === ignoredLabel ? pad : label))]
}

const noPictures: FeatureSource = {
  positions: 0,
  featDim: 0,
  features: (id) => Promise.reject(new Error(`no features of picture ${id}`)),
}

async function gather(
  samples: readonly EncodedSample[],
  source: FeatureSource,
  positions: number,
): Promise<Float32Array> {
  const result = new Float32Array(samples.length * positions * source.featDim)
  let at = 0
  for (const id of samples.flatMap((sample) => sample.pictures)) {
    const features = await source.features(id)
    result.set(features, at)
    at += features.length
  }
  return result
}
