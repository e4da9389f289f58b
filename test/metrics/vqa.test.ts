import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import {
  normaliseAnswer,
  normaliseTrainingAnswer,
  roundHalfEven,
  scoreRows,
  softLabel,
  stripPunctuation,
  tidyAnswer,
  vqaAccuracy,
} from '../../src/metrics/index.js'

const shared = process.env.VL_LST_SHARED ?? '../shared'
const bytesOf = (path: string) => readFileSync(join(shared, path))
const caseOf = (name: string) => JSON.parse(String(bytesOf(`parity/vl-tasks/${name}/case.json`)))

interface Question {
  question_id: number
  question_type: string
  answer_type: string
  answers: { answer: string }[]
}

/** The official evaluation's three tables, of these questions. */
function evaluate(
  questions: Question[],
  answerOf: Map<number, string>,
  evaluator: 'official' | 'reference' = 'official',
) {
  const scores = questions.map(({ answers, question_id }) =>
    vqaAccuracy(
      answers.map(({ answer }) => answer),
      answerOf.get(question_id)!,
      evaluator,
    ),
  )
  const rows = scoreRows(scores, {
    question: questions.map(({ question_type }) => question_type),
    answer: questions.map(({ answer_type }) => answer_type),
  })
  const table = (by: string) =>
    Object.fromEntries(rows.filter((row) => row.by === by).map(({ name, score }) => [name, score]))
  return {
    exact: scores,
    scores: scores.map((score) => roundHalfEven(100 * score)),
    accuracy: { overall: rows[0]!.score, perQuestionType: table('question'), perAnswerType: table('answer') },
  }
}

const predictionsOf = (rows: { question_id: number; answer: string }[]) =>
  new Map(rows.map(({ question_id, answer }) => [question_id, answer]))

test('normalisation gives what the official code and the reference give', () => {
  for (const { input, want, want_answer, want_punct } of caseOf('text-vqa-normalize').cases) {
    const got = [normaliseAnswer(input), normaliseTrainingAnswer(input), stripPunctuation(tidyAnswer(input))]
    expect(got, JSON.stringify(input)).toEqual([want, want_answer, want_punct])
  }
})

test('soft labels are those of the tool that made the paper’s files', () => {
  const { cases, vocabulary } = caseOf('text-vqa-soft-scores')
  for (const { answers, want } of cases) {
    const label = softLabel(answers, new Set(vocabulary))
    expect(Object.fromEntries(label)).toEqual(want)
    expect([...label.keys()]).toEqual(
      answers.filter((answer: string, i: number) => {
        return label.has(answer) && answers.indexOf(answer) === i
      }),
    )
  }
})

describe('accuracy agrees with both evaluations', () => {
  const { questions, predictions, want, is_topk_optimal } = caseOf('metric-vqa-accuracy')
  const answers = predictionsOf(predictions)

  test.each(['official', 'reference'] as const)('%s', (evaluator) => {
    const got = evaluate(questions, answers, evaluator)
    expect(got.accuracy).toEqual(want[evaluator].accuracy)
    const ids = questions.map(({ question_id }: Question) => String(question_id))
    expect(got.scores).toEqual(ids.map((id: string) => want[evaluator].per_question[id]))
  })

  test.each([true, false])('of questions whose best answer is frequent: %s', (optimal) => {
    const isOptimal = new Map<number, boolean>(is_topk_optimal)
    const some = questions.filter(({ question_id }: Question) => isOptimal.get(question_id) === optimal)
    expect(evaluate(some, answers, 'reference').accuracy).toEqual(want[`reference_topk_${optimal}`])
  })

  test('8977 real questions', () => {
    const annotations = JSON.parse(String(gunzipSync(bytesOf('data/vqa-v2-60k/valid-annotations.json.gz'))))
    const real = predictionsOf(JSON.parse(String(bytesOf('data/vqa-v2-60k/valid-predictions.json'))))
    const expected = JSON.parse(String(bytesOf('data/vqa-v2-60k/valid-expected.json')))
    const { accuracy, exact } = evaluate(annotations.annotations, real)
    expect(accuracy).toEqual(expected.accuracy)
    const of = (key: 'question_type' | 'answer_type') => sixDigits(annotations.annotations, exact, key)
    expect({
      overall: Number(((100 * exact.reduce((sum, score) => sum + score, 0)) / exact.length).toFixed(6)),
      ...{ perQuestionType: of('question_type'), perAnswerType: of('answer_type') },
    }).toEqual(expected.accuracy_6_digits)
  })
})

/** Percent by a field's values, to six decimals. */
function sixDigits(
  questions: readonly Question[],
  scores: readonly number[],
  key: 'question_type' | 'answer_type',
) {
  const kinds = new Map<string, number[]>()
  for (const [i, question] of questions.entries())
    kinds.set(question[key], [...(kinds.get(question[key]) ?? []), scores[i]!])
  return Object.fromEntries(
    [...kinds].map(([kind, own]) => [
      kind,
      Number(((100 * own.reduce((sum, score) => sum + score, 0)) / own.length).toFixed(6)),
    ]),
  )
}

test('ties round to the even digit, as Python rounds', () => {
  expect([53.125, 53.375, 0.625, 2.675, 100, 0].map(roundHalfEven)).toEqual([
    53.12, 53.38, 0.62, 2.67, 100, 0,
  ])
})
