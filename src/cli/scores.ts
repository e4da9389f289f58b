/** Tables of results. */
import type { ScoreRow } from '../metrics/index.js'
import { columns, count } from './format.js'

/** `type  count  score` of one split, under its name. */
export function scoreTable(split: string, rows: readonly ScoreRow[]): string {
  if (rows.length === 0) return `${split}: no answers to compare with\n`
  const groupings = new Set(rows.map(({ by }) => by).filter((by) => by !== 'overall'))
  const label = ({ by, name }: ScoreRow) => (groupings.size > 1 && by !== 'overall' ? `${by}: ${name}` : name)
  const cells = rows.map((row) => [label(row), count(row.count), row.score.toFixed(2)])
  return `${split}\n${columns([['type', 'count', 'score'], ...cells])}`
}
