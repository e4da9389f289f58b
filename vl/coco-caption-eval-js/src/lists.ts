import { CaptionError } from './errors.js'
import { CaptionEvaluator, type Evaluation, type EvaluationOptions } from './evaluator.js'

/**
 * Evaluates two parallel lists, as the `language-evaluation` package does: item i is image i, and `_UNK` in targets (not
 * in predictions) becomes `_UNKNOWN`.
 *
 * @param targets one text, or a list of them, an item
 * @throws {CaptionError} the lists are not equally long, or what {@link CaptionEvaluator} refuses
 */
export function evaluateLists(
  predictions: readonly string[],
  targets: readonly (string | readonly string[])[],
  options: EvaluationOptions = {},
): Evaluation {
  if (predictions.length !== targets.length)
    throw new CaptionError(`${predictions.length} predictions for ${targets.length} targets: give one each`)
  const evaluator = new CaptionEvaluator(options)
  predictions.forEach((prediction, i) => {
    const references = [targets[i]!].flat()
    evaluator.add(
      i,
      prediction,
      references.map((reference) => reference.replaceAll('_UNK', '_UNKNOWN')),
    )
  })
  return evaluator.result()
}
