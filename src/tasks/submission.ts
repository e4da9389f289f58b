/**
 * JSON as the evaluation servers' examples have it: Python's `json.dump(…, indent=4, sort_keys=True)`,
 * non-ASCII characters as \uXXXX.
 */
export function pythonJson(rows: readonly Readonly<Record<string, string | number>>[]): Uint8Array {
  const sorted = rows.map((row) =>
    Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))),
  )
  const ascii = JSON.stringify(sorted, null, 4).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return new TextEncoder().encode(ascii)
}
