/**
 * GLUE's tasks as texts with a label that is said as text (Raffel et al. 2020, §2.4; Reference: `seq2seq/data/tasks.py`,
 * `metrics/metrics.py`).
 */
import type { TextSample } from '../../datasets/index.js'
import { UserError } from '../base/index.js'
import {
  accuracy,
  f1WithInvalid,
  matthews,
  pearson,
  type ScoreRow,
  spearman,
  strip,
} from '../metrics/index.js'
import { pythonJson } from './submission.js'
import type { Classes, Task } from './task.js'

/** In percent, of answers and labels. */
type Metric = (answers: readonly string[], labels: readonly string[]) => number

const metrics = {
  accuracy,
  f1: f1WithInvalid,
  matthews_correlation: matthews,
  pearson,
  spearmanr: spearman,
} as const satisfies Record<string, Metric>

interface Row {
  readonly name: string
  readonly summary: string
  /** Its texts by name, and what stands before each, with one blank between everything. */
  readonly parts: Readonly<Record<string, string>>
  /** Names of its classes, whose numbers are what is said; `scores` is a number from 0 to 5. */
  readonly classes: readonly string[] | 'scores'
  /** The mean of these is its score. */
  readonly metrics: readonly (keyof typeof metrics)[]
}

const sentences = { sentence1: 'sentence1:', sentence2: 'sentence2:' }
const inferred = ['entailment', 'not_entailment']

const rows: readonly Row[] = [
  {
    name: 'cola',
    summary: 'whether a sentence is acceptable English',
    parts: { sentence: 'sentence:' },
    classes: ['unacceptable', 'acceptable'],
    metrics: ['matthews_correlation'],
  },
  {
    name: 'sst2',
    summary: "a film review's sentiment",
    parts: { sentence: 'sentence:' },
    classes: ['negative', 'positive'],
    metrics: ['accuracy'],
  },
  {
    name: 'mrpc',
    summary: 'whether two sentences say the same',
    parts: sentences,
    classes: ['not_equivalent', 'equivalent'],
    metrics: ['f1', 'accuracy'],
  },
  {
    name: 'qqp',
    summary: 'whether two questions ask the same',
    parts: { question1: 'question1:', question2: 'question2:' },
    classes: ['not_duplicate', 'duplicate'],
    metrics: ['f1', 'accuracy'],
  },
  {
    name: 'stsb',
    summary: 'how alike two sentences are, from 0 to 5',
    parts: sentences,
    classes: 'scores',
    metrics: ['pearson', 'spearmanr'],
  },
  {
    name: 'mnli',
    summary: 'whether a premise entails a hypothesis, contradicts it, or neither',
    parts: { premise: 'premise:', hypothesis: 'hypothesis' }, // Reference: no colon behind the second
    classes: ['entailment', 'neutral', 'contradiction'],
    metrics: ['accuracy'],
  },
  {
    name: 'qnli',
    summary: 'whether a sentence answers a question',
    parts: { question: 'question:', sentence: 'sentence:' },
    classes: inferred,
    metrics: ['accuracy'],
  },
  {
    name: 'rte',
    summary: 'whether one sentence entails another',
    parts: sentences,
    classes: inferred,
    metrics: ['accuracy'],
  },
]

export interface GlueTask extends Task<TextSample> {
  /** Every label in words that the model says. Scores in between are trained too. */
  readonly longestTarget: readonly string[]
  /** Each metric by name, in percent, and their mean, `average_metrics`. */
  metricsOf(answers: readonly string[], labels: readonly string[]): Readonly<Record<string, number>>
}

/** How a classifier's logits are read. */
type Reading = Pick<Classes, 'labels' | 'answer'> & { inWords(answer: string): string }

/** The class of the largest logit, by its number. */
const oneOf = (names: readonly string[]): Reading => ({
  labels: names.length,
  answer: (logits) => String(logits.indexOf(Math.max(...logits))),
  inWords: (answer) => names[Number(answer)]!,
})

const aNumber: Reading = {
  labels: 1,
  answer: ([score]) => String(score),
  inWords: (answer) => Number(answer).toFixed(2),
}

const scoreLabels = Array.from({ length: 26 }, (_, i) => (i * 0.2).toFixed(1))

export const glue: readonly GlueTask[] = rows.map(({ name, summary, parts, classes, ...row }) => {
  const said = classes === 'scores' ? scoreLabels : classes.map((_, number) => String(number))
  const targetText = classes === 'scores' ? scoreText : String
  const metricsOf: GlueTask['metricsOf'] = (answers, labels) => {
    const each = row.metrics.map((metric) => [metric, metrics[metric](answers, labels)] as const)
    const average = each.reduce((sum, [, value]) => sum + value, 0) / each.length
    return { ...Object.fromEntries(each), average_metrics: average }
  }
  const scoreWith =
    (textOf: (label: number) => string): Task<TextSample>['score'] =>
    (samples, answers) => {
      const labels = samples.flatMap(({ label }) => (label === undefined ? [] : [textOf(label)]))
      if (labels.length < samples.length) return []
      return scoreTable(metricsOf(answers.map(strip), labels), samples.length)
    }
  const task: GlueTask = {
    ...{ name, summary, variant: 'text', noun: 'text', prompt: `${name} `, longestTarget: said, metricsOf },
    maxInputLength: 128,
    lossWeighting: 'tokens',
    decode: { beams: 1, maxLength: 20 },
    text: ({ texts }) =>
      Object.entries(parts)
        .map(([part, before]) => `${before} ${texts[part]}`)
        .join(' '),
    target: ({ label }) =>
      label === undefined ? { text: '', score: 0 } : { text: targetText(label), score: 1 },
    score: scoreWith(targetText),
    submission: (samples, answers) =>
      pythonJson(samples.map(({ index }, i) => ({ index, prediction: strip(answers[i]!) }))),
    samplesOf: ({ images, question, texts }) => {
      const names = Object.keys(parts)
      if (images.length > 0 || question !== undefined)
        throw new UserError(
          `task ${name} is about text alone: give --text in place of --image and --question`,
        )
      if (texts.length !== names.length)
        throw new UserError(
          `task ${name} wants ${wanted(names)}: give --text ${names.length === 1 ? 'once' : 'for each'}`,
        )
      return [{ index: 0, texts: Object.fromEntries(names.map((part, i) => [part, texts[i]!])) }]
    },
    inWords: (answer) => (classes === 'scores' ? undefined : classes[said.indexOf(strip(answer))]) ?? answer,
    askedLike: Object.keys(parts).flatMap((part) => ['--text', part.toUpperCase()]),
  }
  const { labels, answer, inWords } = classes === 'scores' ? aNumber : oneOf(classes)
  return {
    ...task,
    classified: {
      ...task,
      score: scoreWith(String), // a predicted score is not rounded, and neither is what it is compared with
      inWords,
      classes: {
        ...{ labels, answer, label: ({ label }) => label ?? 0 },
        source({ texts }) {
          const [text, pair] = Object.keys(parts).map((part) => texts[part]!)
          return pair === undefined ? { text: text! } : { text: text!, pair }
        },
      },
    },
  }
})

/** `a sentence1 and a sentence2` */
const wanted = (names: readonly string[]) => names.map((name) => `a ${name}`).join(' and ')

function scoreTable(
  { average_metrics: average, ...each }: Readonly<Record<string, number>>,
  count: number,
): ScoreRow[] {
  return [
    { by: 'overall', name: 'overall', count, score: average! },
    ...Object.entries(each).map(([name, score]) => ({ by: 'metric', name, count, score })),
  ]
}

/**
 * A score as text. Reference: to one decimal, ties to the even digit, though its comment and its labels say multiples of
 * 0.2.
 */
function scoreText(score: number): string {
  const tenths = ((score * 5) / 5) * 10
  const below = Math.floor(tenths)
  const up = tenths - below > 0.5 || (tenths - below === 0.5 && below % 2 === 1)
  return ((up ? below + 1 : below) / 10).toFixed(1)
}
