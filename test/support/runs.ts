/** Training runs that take a second: a tiny T5 with a tokenizer of a few words, and a dozen drawn pictures. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import type { Runtime } from '../../src/runtime/index.js'
import type { PartialConfig } from '../../src/training/config.js'
import type { TrainEvent, TrainResult } from '../../src/training/events.js'
import { resolveConfig, train } from '../../src/training/index.js'
import { inGroup } from './group.js'
import { writeTinyT5 } from './t5.js'
import { digest } from './weights.js'

const colours = ['red', 'green', 'blue', 'black']

interface TokenizerKind {
  /** Special tokens by their ids. */
  readonly special: readonly string[]
  readonly post_processor: Readonly<Record<string, unknown>>
}

const end = { SpecialToken: { id: '</s>', type_id: 0 } }

const t5Kind: TokenizerKind = {
  special: ['<pad>', '</s>', '<unk>'],
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ Sequence: { id: 'A', type_id: 0 } }, end],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, end, { Sequence: { id: 'B', type_id: 0 } }, end],
    special_tokens: { '</s>': { id: '</s>', ids: [1], tokens: ['</s>'] } },
  },
}

/** `<s> a </s>`, and `<s> a </s> </s> b </s>`. */
export const bartKind: TokenizerKind = {
  special: ['<s>', '<pad>', '</s>', '<unk>'],
  post_processor: {
    ...{ type: 'RobertaProcessing', sep: ['</s>', 2], cls: ['<s>', 0] },
    ...{ trim_offsets: true, add_prefix_space: false },
  },
}

const words = ['vqa', ':', 'what', 'colour', 'is', 'this', '?', 'yes', 'no', ...colours]

/** A tokenizer over a handful of words; T5's kind unless said otherwise. */
export function writeTokenizer(
  folder: string,
  known: readonly string[],
  { special, post_processor }: TokenizerKind = t5Kind,
): void {
  const about = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  const metaspace = { type: 'Metaspace', replacement: '▁', add_prefix_space: true }
  const tokenizer = {
    version: '1.0',
    added_tokens: special.map((content, id) => ({ id, content, ...about })),
    normalizer: null,
    pre_tokenizer: metaspace,
    post_processor,
    decoder: metaspace,
    model: {
      type: 'Unigram',
      unk_id: special.indexOf('<unk>'),
      vocab: [...special, ...known.map((word) => (/^[:?]$/.test(word) ? word : `▁${word}`))].map(
        (piece, id) => [piece, -id],
      ),
    },
  }
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer))
  const config = { tokenizer_class: 'T5Tokenizer', pad_token: '<pad>', eos_token: '</s>', unk_token: '<unk>' }
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify(config))
}

/** A model folder that a run can start from. */
export function writeRunnableT5(
  folder: string,
  ...rest: Parameters<typeof writeTinyT5> extends [string, ...infer R] ? R : never
): string {
  writeTinyT5(folder, ...rest)
  writeTokenizer(folder, words)
  return folder
}

const splits = { karpathy_train: [0, 8], karpathy_val: [8, 10], karpathy_test: [10, 12] } as const

/**
 * Twelve pictures of one colour each, with four questions a picture, in the paper's layout: 32 to train, 8 to validate,
 * 8 to test.
 *
 * @param answerOf replaces the right answer of a question
 */
export async function writeTinyData(
  folder: string,
  answerOf: (split: string, questionId: number, right: string) => string = (_split, _id, right) => right,
): Promise<string> {
  const pictures = join(folder, 'COCO', 'images', 'train2014')
  mkdirSync(pictures, { recursive: true })
  mkdirSync(join(folder, 'vqa'), { recursive: true })
  for (const [split, [from, to]] of Object.entries(splits)) {
    const rows: unknown[] = []
    for (let picture = from; picture < to; picture++) {
      const colour = colours[picture % colours.length]!
      const id = `COCO_train2014_${picture}`
      await sharp({ create: { width: 16, height: 16, channels: 3, background: colour } })
        .png()
        .toFile(join(pictures, `${id}.png`))
      const asked = colours[(picture + (picture >> 2)) % colours.length]!
      const questions = [
        ['what colour is this ?', colour],
        ['is this red ?', colour === 'red' ? 'yes' : 'no'],
        [`is this ${asked} ?`, colour === asked ? 'yes' : 'no'],
        // Few are long: parts of a step differ in their longest.
        [picture % 2 === 0 ? 'what is this colour this is ?' : 'what is this colour ?', colour],
      ] as const
      for (const [i, [sent, right]] of questions.entries()) {
        const question_id = picture * 10 + i
        const answer_type = right === 'yes' || right === 'no' ? 'yes/no' : 'other'
        rows.push({
          question_id,
          img_id: id,
          sent,
          answer_type,
          label: { [answerOf(split, question_id, right)]: 1 },
        })
      }
    }
    writeFileSync(join(folder, 'vqa', `${split}.json`), JSON.stringify(rows))
  }
  return folder
}

export interface World {
  readonly backbone: string
  readonly dataset: string
  readonly cache: string
}

/** A model and a data set in one folder. */
export async function writeWorld(folder: string): Promise<World> {
  const backbone = writeRunnableT5(join(folder, 'model'), { num_layers: 1, num_decoder_layers: 1 })
  return { backbone, dataset: await writeTinyData(join(folder, 'data')), cache: join(folder, 'cache') }
}

/** Everything that a run told, and how it ended. */
export interface Told {
  readonly result: TrainResult
  readonly events: readonly TrainEvent[]
}

export interface RunOptions {
  /** The run's folder; a new run unless `resume` is set. */
  readonly run: string
  readonly resume?: boolean
  /** Interrupts the run at the first event like this. */
  readonly stopAt?: (event: TrainEvent) => boolean
  readonly onEvent?: (event: TrainEvent) => void
  readonly runtime?: Runtime
}

export interface GroupRunOptions extends Pick<RunOptions, 'run' | 'resume'> {
  /** Interrupts the worker of this rank after it was asked so often whether it is to end. */
  readonly stopAt?: { readonly rank: number; readonly times: number }
}

/** Three steps of eight samples with two threads, unless `over` says otherwise. */
const settingsOf = ({ backbone, dataset }: World, over: PartialConfig): PartialConfig => ({
  ...{ task: 'vqa', method: 'lst', backbone, dataset, vision: 'patches', seed: 5, threads: 2 },
  ...{ epochs: 10, maxSteps: 3, batchSize: 8, dropout: 0, learningRate: 1e-2, warmupRatio: 0 },
  ...over,
})

/** A run of several workers in processes of their own, a thread each. @returns what each told, by rank */
export async function runTogether(
  workers: number,
  world: World,
  over: PartialConfig,
  { run, resume = false, stopAt }: GroupRunOptions,
): Promise<readonly Told[]> {
  const config = resolveConfig(
    resume ? [over] : [settingsOf(world, { threads: 1, ...over })],
    resume ? run : undefined,
  )
  const given = { config, cache: world.cache, stopAt, ...(resume ? { resume: run } : { output: run }) }
  return (await inGroup<Told>(workers, 'train', given)).map(({ value }) => value)
}

export async function runTraining(
  world: World,
  over: PartialConfig,
  { run, resume = false, stopAt, onEvent, runtime }: RunOptions,
): Promise<Told> {
  const { cache } = world
  const config = resolveConfig(resume ? [over] : [settingsOf(world, over)], resume ? run : undefined)
  const stop = new AbortController()
  const events: TrainEvent[] = []
  const result = await train(config, {
    ...(resume ? { resume: run } : { output: run }),
    cache,
    ...(runtime ? { runtime } : {}),
    command: 'vl-lst train',
    signal: stop.signal,
    report(event) {
      events.push(event)
      onEvent?.(event)
      if (stopAt?.(event)) stop.abort()
    },
  })
  return { result, events }
}

/** What `metrics.jsonl` says of each step that does not depend on time and machine. */
export function metricsOf(run: string): Record<string, unknown>[] {
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n')
  return lines.map((line) => {
    const { step, epoch, loss, learningRate, gradientNorm } = JSON.parse(line) as Record<string, unknown>
    return { step, epoch, loss, learningRate, gradientNorm }
  })
}

/** Five steps over four an epoch with dropout, a checkpoint a step. */
export const five = { maxSteps: 5, saveEvery: 1, keep: 9, dropout: 0.1 } as const
const lastOfFive: readonly string[] = ['adapter_model.safetensors', 'optimizer.safetensors'].map((file) =>
  join('checkpoints', 'step-000005', file),
)

export const digestsOf = (run: string, files: readonly string[] = lastOfFive): string[] =>
  files.map((file) => digest(readFileSync(join(run, file))))

/** What a run said. */
export const notes = (events: readonly TrainEvent[]): string[] =>
  events.flatMap((event) => (event.kind === 'note' ? [event.text] : []))

export function checkpointsOf(run: string): string[] {
  return readdirSync(join(run, 'checkpoints')).sort()
}
