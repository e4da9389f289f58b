/** Scores of answers that are classes, all in percent. Answers are texts, and any text may come. */

/** Share of answers that equal their labels. */
export function accuracy(answers: readonly string[], labels: readonly string[]): number {
  return (100 * countWhere(labels, (label, i) => answers[i] === label)) / labels.length
}

/**
 * F1 of class `1`: 2 TP / (2 TP + FP + FN), 0 where nothing is or was said to be `1`. An answer that is neither `0` nor
 * `1` counts as the wrong one of them (Reference: `f1_score_with_invalid`).
 */
export function f1WithInvalid(answers: readonly string[], labels: readonly string[]): number {
  const said = answers.map((answer, i) => (answer === '0' || answer === '1' ? answer : opposite(labels[i]!)))
  const right = countWhere(labels, (label, i) => label === '1' && said[i] === '1')
  const wrong = countWhere(labels, (label, i) => (label === '1') !== (said[i] === '1'))
  return right + wrong === 0 ? 0 : (200 * right) / (2 * right + wrong)
}

const opposite = (label: string) => (label === '0' ? '1' : '0')

/**
 * Matthews' correlation over all texts that are seen (Gorodkin 2004): with s samples, c right ones, and p_k answers and
 * t_k labels of class k, (c s − Σ p_k t_k) / √((s² − Σ p_k²)(s² − Σ t_k²)); 0 where the root is. An answer that is no
 * label is a class of its own.
 */
export function matthews(answers: readonly string[], labels: readonly string[]): number {
  const [said, given] = [counts(answers), counts(labels)]
  const samples = labels.length
  const right = countWhere(labels, (label, i) => answers[i] === label)
  const dot = (a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>) =>
    [...a].reduce((sum, [text, count]) => sum + count * (b.get(text) ?? 0), 0)
  const root = Math.sqrt((samples ** 2 - dot(said, said)) * (samples ** 2 - dot(given, given)))
  return root === 0 ? 0 : (100 * (right * samples - dot(said, given))) / root
}

function counts(texts: readonly string[]): Map<string, number> {
  const found = new Map<string, number>()
  for (const text of texts) found.set(text, (found.get(text) ?? 0) + 1)
  return found
}

function countWhere<T>(items: readonly T[], holds: (item: T, index: number) => boolean): number {
  return items.reduce((count, item, i) => count + (holds(item, i) ? 1 : 0), 0)
}
