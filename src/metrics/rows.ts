/** One line of a table of results. */
export interface ScoreRow {
  /** What the row's questions have in common: `overall`, `question type`, … */
  readonly by: string
  /** Which of them: `yes/no`; `overall` again for all. */
  readonly name: string
  readonly count: number
  /** Percent, rounded where the task's evaluation rounds. */
  readonly score: number
}

/**
 * The table of a split: all samples, then every value of every grouping, in the order of appearance. Scores are rounded
 * to two decimals as Python does.
 *
 * @param scores one a sample, 0 … 1
 * @param groupings by name, each sample's value; undefined leaves a sample out of that grouping
 */
export function scoreRows(
  scores: readonly number[],
  groupings: Readonly<Record<string, readonly (string | undefined)[]>>,
): ScoreRow[] {
  const groups = new Map<string, { by: string; name: string; scores: number[] }>()
  const add = (by: string, name: string, score: number) => {
    const key = JSON.stringify([by, name])
    const group = groups.get(key)
    if (group) group.scores.push(score)
    else groups.set(key, { by, name, scores: [score] })
  }
  for (const score of scores) add('overall', 'overall', score)
  for (const [by, names] of Object.entries(groupings)) {
    for (const [index, name] of names.entries()) if (name !== undefined) add(by, name, scores[index]!)
  }
  return [...groups.values()].map(({ by, name, scores: own }) => ({
    by,
    name,
    count: own.length,
    score: roundHalfEven((100 * own.reduce((sum, score) => sum + score, 0)) / own.length),
  }))
}

/**
 * To two decimals, ties to the even digit, as Python's `round(x, 2)`: exact on the binary value, so only
 * odd multiples of 1/8 are ties. (`toFixed` is exact too, but sends ties up.)
 */
export function roundHalfEven(x: number): number {
  const tie = Number.isInteger(x * 8) && Math.abs(x * 8) % 2 === 1
  return tie ? (2 * Math.round((x * 100) / 2)) / 100 : Number(x.toFixed(2))
}
