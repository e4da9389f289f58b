/** Results of a benchmark as a file. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

export function writeResults(file, results) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`)
  process.stdout.write(`written: ${file}\n`)
}

/** Every combination of these settings' values, one after the other; `compare` measures one, `describe` says it. */
export async function compareEach(settings, compare, describe) {
  let combinations = [{}]
  for (const [name, values] of Object.entries(settings))
    combinations = combinations.flatMap((others) => values.map((value) => ({ ...others, [name]: value })))
  const results = []
  for (const combination of combinations) {
    const result = await compare(combination)
    results.push(result)
    process.stdout.write(`${describe(result)}\n`)
  }
  return results
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
