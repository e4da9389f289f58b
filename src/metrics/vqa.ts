/** Scores of answers about pictures: VQA's accuracy (Antol et al. 2015, §5), soft labels. */
import { mapWords, normaliseAnswer, stripPunctuation, tidyAnswer } from './vqaNormalise.js'

/** What happens to annotated answers and to the predicted one before they are compared as strings. */
interface VqaEvaluator {
  /** Every annotated answer, before it is asked whether all are equal. */
  readonly tidy: (answer: string) => string
  /** Annotated answers, where they are not all equal. */
  readonly annotated: (answer: string) => string
  /** The predicted answer, where the annotated ones are all equal, and where they are not. */
  readonly agreed: (prediction: string) => string
  readonly disagreed: (prediction: string) => string
}

/**
 * `official`: GT-Vision-Lab/VQA. `reference`: the paper's code (VL-T5), which normalises annotated answers
 * by half and the prediction always; the paper's Karpathy-test numbers are its.
 */
export const vqaEvaluators = {
  official: {
    tidy: tidyAnswer,
    annotated: (answer) => mapWords(stripPunctuation(answer)),
    agreed: tidyAnswer,
    disagreed: normaliseAnswer,
  },
  reference: {
    tidy: (answer) => answer,
    annotated: stripPunctuation,
    agreed: normaliseAnswer,
    disagreed: normaliseAnswer,
  },
} as const satisfies Record<string, VqaEvaluator>

/**
 * Accuracy of one predicted answer: mean over annotators i of min(1, #{j ≠ i : answer j = prediction} / 3). One
 * annotator alone has no others to agree with, and the answers' equality counts (nothing official: VQA has ten).
 *
 * @param answers what each annotator said, as it was typed; at least one
 * @returns 0 … 1
 */
export function vqaAccuracy(
  answers: readonly string[],
  prediction: string,
  evaluator: keyof typeof vqaEvaluators = 'official',
): number {
  if (answers.length === 1) return Number(normaliseAnswer(answers[0]!) === normaliseAnswer(prediction))
  const rules: VqaEvaluator = vqaEvaluators[evaluator]
  const tidied = answers.map(rules.tidy)
  const agreed = new Set(tidied).size === 1
  const compared = agreed ? tidied : tidied.map(rules.annotated)
  const predicted = agreed ? rules.agreed(prediction) : rules.disagreed(prediction)
  const matches = compared.filter((answer) => answer === predicted).length
  const accuracies = compared.map((answer) => Math.min(1, (matches - (answer === predicted ? 1 : 0)) / 3))
  return accuracies.reduce((sum, accuracy) => sum + accuracy, 0) / accuracies.length
}

/** The label's score of exactly this answer, 0 where it has none (the reference's `topk_score`, GQA's too). */
export function labelScore(label: ReadonlyMap<string, number>, prediction: string): number {
  return label.get(prediction) ?? 0
}

/** Score of an answer that 0, 1, 2, 3, or more annotators gave. */
const scoreOfCount = [0, 0.3, 0.6, 0.9, 1]

/**
 * The soft label of one question: its answers that are in the vocabulary, in the order of first
 * appearance, scored by how many annotators gave exactly this string (bottom-up-attention's VQA tool).
 *
 * @param answers what each annotator said, as it was typed
 */
export function softLabel(
  answers: readonly string[],
  vocabulary: ReadonlySet<string>,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1)
  return new Map(
    [...counts]
      .filter(([answer]) => vocabulary.has(answer))
      .map(([answer, count]) => [answer, scoreOfCount[Math.min(count, 4)]!]),
  )
}
