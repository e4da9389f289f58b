/** The samples that Fisher importance is measured on. */
import { openDataSet } from '../../../datasets/index.js'
import { UserError } from '../../base/index.js'
import type { BackboneConfig } from '../../models/index.js'
import type { Tensors } from '../../runtime/index.js'
import { collate, type EncodedSample, encodeSample, epochOrder, targetRandom } from '../../tasks/index.js'
import type { Tokenizer } from '../../text/index.js'
import type { Backbone } from '../backbone.js'
import type { TrainConfig } from '../config.js'
import { taskOf, within } from '../data.js'
import type { Report } from '../events.js'
import { batchFeeds } from '../feeds.js'
import { defaultSamples } from './options.js'

/**
 * The first samples of the shuffled training split as text: pictures are left out, as the reference does.
 *
 * @param wanted how many; `null`: the reference's number, or all where there are fewer
 * @throws {UserError} bad data, or fewer samples than wanted
 */
export async function fisherSamples(
  config: TrainConfig,
  { backbone, tokenizer }: { readonly backbone: Backbone; readonly tokenizer: Tokenizer },
  wanted: number | null,
  options: { readonly cache: string; readonly report: Report; readonly signal: AbortSignal },
): Promise<readonly EncodedSample[]> {
  const { cache, report, signal } = options
  const { dataset, seed } = config
  // importance is the language model's, whatever answers
  const task = within(taskOf({ ...config, head: 'lm' }), backbone.config)
  const { splits } = await openDataSet(dataset, {
    ...{ task: task.name, seed, cache, signal },
    onNote: (text) => report({ kind: 'note', text }),
    onProgress: (what, done, total) => report({ kind: 'preparing', what, done, total }),
  })
  const train = splits.train!
  if (train.length === 0) throw new UserError(`${dataset}: its train split is empty: add samples to it`)
  if (wanted !== null && wanted > train.length) {
    throw new UserError(
      `${dataset} has ${train.length} training samples, and Fisher importance is asked for on ${wanted}: ` +
        `ask for ${train.length} or fewer`,
    )
  }
  const chosen = epochOrder(train.length, seed, 0).subarray(0, wanted ?? defaultSamples)
  return Array.from(chosen, (index) => ({
    ...encodeSample(task, train[index]!, tokenizer, targetRandom(seed, 0, index)),
    pictures: [],
  }))
}

/** @throws {UserError} a token that the backbone has no row for */
export function checkTokens(samples: readonly EncodedSample[], { name, config }: Backbone): void {
  const ids = samples.flatMap(({ inputIds, targetIds }) => [...inputIds, ...targetIds])
  const bad = ids.find((id) => id >= config.vocabSize)
  if (bad === undefined) return
  throw new UserError(
    `the tokenizer has a token ${bad}, and ${name} rows for ${config.vocabSize}: take the backbone's own tokenizer`,
  )
}

/** Each sample as the inputs of a batch whose loss is the mean over its tokens. */
export async function* fisherFeeds(
  samples: readonly EncodedSample[],
  { padTokenId: pad, decoderStartTokenId: start }: BackboneConfig,
  signal: AbortSignal,
): AsyncGenerator<Tensors> {
  for (const sample of samples) {
    signal.throwIfAborted()
    yield batchFeeds(await collate({ lossWeighting: 'gqa' }, [sample], { pad, start }))
  }
}
