/** Visual question answering: the answer is generated as text (Cho et al. 2021, §4.1). */

import type { VqaSample } from '../../datasets/index.js'
import { type Random, UserError } from '../../src/base/index.js'
import { labelScore, type ScoreRow, scoreRows, vqaAccuracy } from '../../src/metrics/index.js'
import { pythonJson } from '../../src/tasks/submission.js'
import type { Asked, Target, Task } from '../../src/tasks/task.js'

export const vqa: Task<VqaSample> = {
  name: 'vqa',
  summary: 'answer a question about a picture',
  variant: 'vision',
  noun: 'question',
  prompt: 'vqa: ',
  maxInputLength: 20,
  longestTarget: 10,
  lossWeighting: 'vqa',
  decode: { beams: 1, maxLength: 20 },
  text: ({ question }) => question,
  pictures: ({ imageId }) => [imageId],
  target: ({ label }, random) => drawAnswer([...(label ?? [])], random),
  score: scoreAnswers,
  submission: (samples, answers) =>
    pythonJson(samples.map(({ questionId }, i) => ({ answer: answers[i]!, question_id: questionId }))),
  samplesOf: samplesOfEach,
  askedLike: ['--image', 'FILE', '--question', 'What is this?'],
}

/** One question about each picture. */
function samplesOfEach({ images, question, texts }: Asked): readonly VqaSample[] {
  if (texts.length > 0)
    throw new UserError('task vqa is about pictures: give --image and --question in place of --text')
  if (images.length === 0) throw new UserError('--image is missing: name a picture, or a folder of pictures')
  if (question === undefined) throw new UserError('--question is missing: say what to ask about the picture')
  return images.map((imageId, questionId) => ({ questionId, imageId, question }))
}

/** One answer with probability score / Σ scores; the empty answer, with score 0, where that sum is 0. */
function drawAnswer(label: readonly (readonly [string, number])[], random: Random): Target {
  const [text, score] = random.weighted(label, ([, each]) => each) ?? ['', 0]
  return { text, score }
}

/**
 * The official accuracy where every question has its annotators' answers, else the label's score of the
 * answer (exact match where a label has one answer).
 */
function scoreAnswers(samples: readonly VqaSample[], answers: readonly string[]): ScoreRow[] {
  const official = samples.every((sample) => sample.answers !== undefined && sample.answers.length > 0)
  if (!official && !samples.every((sample) => sample.label !== undefined)) return []
  const scores = samples.map((sample, i) =>
    official ? vqaAccuracy(sample.answers!, answers[i]!) : labelScore(sample.label!, answers[i]!),
  )
  return scoreRows(scores, {
    'answer type': samples.map(({ answerType }) => answerType),
    'question type': samples.map(({ questionType }) => questionType),
    'best answer': samples.map(({ isTopkOptimal }) => topkNames.get(isTopkOptimal)),
  })
}

/** Whether the best answer is among VQA's 3129 frequent ones (the paper's `topk_optimal`). */
const topkNames = new Map<boolean | undefined, string>([
  [true, 'frequent'],
  [false, 'rare'],
])
