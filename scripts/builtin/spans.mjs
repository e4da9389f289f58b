/** Span corruption (Raffel et al. 2020, §3.1.4): spans go, a sentinel stands for each, the target says what went. */

const meanSpan = 2

/** Which tokens of a piece go, as true and false. */
function hidden(length, hide, random) {
  const goes = new Array(length).fill(hide === 1)
  if (hide === 0 || hide === 1) return goes
  const spans = Math.max(1, Math.round((length * hide) / meanSpan))
  for (let i = 0; i < spans; i++) {
    const begin = random.integer(length)
    goes.fill(true, begin, begin + 1 + random.integer(2 * meanSpan - 1))
  }
  return goes
}

/**
 * @param pieces as `corpusDocument` gives them
 * @returns ids of input and target, each with the end token
 */
export function corrupt(pieces, tokenizer, random) {
  const end = tokenizer.idOf('</s>')
  const [inputIds, targetIds] = [[], []]
  let sentinels = 0
  for (const { text, hide } of pieces) {
    const ids = tokenizer.encode(text).slice(0, -1)
    const goes = hidden(ids.length, hide, random)
    for (const [i, id] of ids.entries()) {
      if (goes[i] && (i === 0 || !goes[i - 1])) {
        const sentinel = tokenizer.idOf(`<extra_id_${sentinels++}>`)
        inputIds.push(sentinel)
        targetIds.push(sentinel)
      }
      const side = goes[i] ? targetIds : inputIds
      side.push(id)
    }
  }
  return { inputIds: [...inputIds, end], targetIds: [...targetIds, end] }
}
