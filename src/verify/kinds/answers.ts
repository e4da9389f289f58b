/** Cases without tensors: texts and metrics, by what they call what they check; captions by their task. */
import { z } from 'zod'
import { Random } from '../../base/index.js'
import {
  normaliseAnswer,
  normaliseTrainingAnswer,
  roundHalfEven,
  scoreRows,
  softLabel,
  stripPunctuation,
  tidyAnswer,
  vqaAccuracy,
  vqaEvaluators,
} from '../../metrics/index.js'
import { glue, tasks } from '../../tasks/index.js'
import type { RecordedCase } from '../case.js'
import type { Check, Computed, Kind, VerifyContext } from '../kind.js'
import { NotSupported } from '../notSupported.js'
import { captionTasks } from './captions.js'
import { checkGlueMetrics, checkGlueSplits, checkGlueTexts } from './glue.js'

/** What each `function`, `check` or `task` is checked by. A new one is one line. */
const checks: Readonly<Record<string, (json: unknown) => readonly Check[]>> = {
  vqa_normalize: checkNormalisation,
  vqa_soft_scores: checkSoftScores,
  vqa_accuracy: checkAccuracy,
  preprocess: checkGlueTexts,
  splits: checkGlueSplits,
  ...Object.fromEntries(glue.map((task) => [`glue-${task.name}`, (json) => checkGlueMetrics(json, task)])),
}

async function compute(recorded: RecordedCase, context: VerifyContext): Promise<Computed> {
  const { json } = recorded
  const caption = typeof json.task === 'string' ? captionTasks[json.task] : undefined
  if (caption) return { checks: caption(recorded, context) }
  const what = ['function', 'check', 'task'].map((key) => json[key]).find((name) => name !== undefined)
  const check = typeof what === 'string' ? checks[what] : undefined
  if (!check) throw new NotSupported(`${json.kind} ${what}`)
  return { checks: check(json) }
}

export const metric: Kind = { name: 'metric', compute }
export const text: Kind = { name: 'text', compute }

const normalisations: Readonly<Record<string, (input: string) => string>> = {
  want: normaliseAnswer,
  want_answer: normaliseTrainingAnswer,
  want_punct: (input) => stripPunctuation(tidyAnswer(input)),
}

function checkNormalisation(json: unknown): Check[] {
  const { cases } = z.object({ cases: z.array(z.looseObject({ input: z.string() })) }).parse(json)
  return cases.flatMap(({ input, ...wants }, i) =>
    Object.entries(wants).map(([key, want]) => ({
      ...{ name: `cases.${i}.${key}`, want },
      got: normalisations[key]?.(input),
    })),
  )
}

const softScores = z.object({
  vocabulary: z.array(z.string()),
  cases: z.array(z.object({ answers: z.array(z.string()), want: z.unknown() })),
  probabilities: z
    .array(z.object({ label: z.record(z.string(), z.number()), want: z.unknown() }))
    .default([]),
})

function checkSoftScores(json: unknown): Check[] {
  const { cases, vocabulary, probabilities } = softScores.parse(json)
  const known = new Set(vocabulary)
  return [
    ...cases.map(({ answers, want }, i) => ({
      ...{ name: `cases.${i}.want`, want },
      got: Object.fromEntries(softLabel(answers, known)),
    })),
    ...probabilities.map(({ label, want }, i) => ({
      ...{ name: `probabilities.${i}.want`, want },
      got: drawProbabilities(label),
      tolerance: measured,
    })),
  ]
}

/** Probabilities are not returned by the program: they are found from where its draw changes. */
const measured = { rtol: 0, atol: 1e-12 }

class Fixed extends Random {
  constructor(readonly value: number) {
    super()
  }

  override uniform(): number {
    return this.value
  }
}

/** How often the program's draw gives each answer of a label; `null` where it draws none. */
function drawProbabilities(label: Readonly<Record<string, number>>): number[] | null {
  const answers = Object.keys(label)
  const sample = { questionId: 0, imageId: '', question: '', label: new Map(Object.entries(label)) }
  const drawn = (uniform: number) => tasks.get('vqa').target(sample, new Fixed(uniform))
  if (drawn(0).score === 0) return null
  const upTo = answers.map((_, i) => boundary((uniform) => answers.indexOf(drawn(uniform).text) > i))
  return upTo.map((end, i) => end - (upTo[i - 1] ?? 0))
}

/** Where in 0 … 1 a condition that only ever becomes true does so; 1 where it never does. */
function boundary(isBeyond: (x: number) => boolean): number {
  let [low, high] = [0, 1]
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (isBeyond(middle)) high = middle
    else low = middle
  }
  return high
}

const question = z.object({
  question_id: z.number(),
  question_type: z.string(),
  answer_type: z.string(),
  answers: z.array(z.object({ answer: z.string() })),
})

const accuracyCase = z.object({
  questions: z.array(question),
  predictions: z.array(z.object({ question_id: z.number(), answer: z.string() })),
  is_topk_optimal: z.array(z.tuple([z.number(), z.boolean().nullable()])).default([]),
  want: z.record(z.string(), z.unknown()),
})

type Question = z.infer<typeof question>
type Evaluator = keyof typeof vqaEvaluators

function checkAccuracy(json: unknown): Check[] {
  const { questions, predictions, is_topk_optimal: optimal, want } = accuracyCase.parse(json)
  const answers = new Map(predictions.map(({ question_id, answer }) => [question_id, answer]))
  const isOptimal = new Map(optimal)
  const got = Object.fromEntries(
    (Object.keys(vqaEvaluators) as Evaluator[]).flatMap((evaluator) => [
      [evaluator, evaluate(questions, answers, evaluator)],
      ...[true, false].map((value) => {
        const some = questions.filter(({ question_id: id }) => (isOptimal.get(id) ?? value) === value)
        return [`${evaluator}_topk_${value}`, evaluate(some, answers, evaluator).accuracy]
      }),
    ]),
  )
  return Object.entries(want).map(([key, wanted]) => ({ name: `want.${key}`, want: wanted, got: got[key] }))
}

/** The official evaluation's tables, in percent. */
function evaluate(
  questions: readonly Question[],
  answerOf: ReadonlyMap<number, string>,
  evaluator: Evaluator,
) {
  const scores = questions.map(({ answers, question_id: id }) =>
    vqaAccuracy(
      answers.map(({ answer }) => answer),
      answerOf.get(id) ?? '',
      evaluator,
    ),
  )
  const rows = scoreRows(scores, {
    perQuestionType: questions.map(({ question_type }) => question_type),
    perAnswerType: questions.map(({ answer_type }) => answer_type),
  })
  const table = (by: string) =>
    Object.fromEntries(rows.filter((row) => row.by === by).map(({ name, score }) => [name, score]))
  return {
    accuracy: {
      overall: rows[0]?.score ?? 0,
      perQuestionType: table('perQuestionType'),
      perAnswerType: table('perAnswerType'),
    },
    per_question: Object.fromEntries(
      questions.map(({ question_id: id }, i) => [String(id), roundHalfEven(100 * scores[i]!)]),
    ),
  }
}
