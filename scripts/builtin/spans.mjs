/**
 * What is hidden of a text and has to be said: span corruption (Raffel et al. 2020, §3.1.4), where a sentinel stands for
 * each span and the target says what went, and text infilling (Lewis et al. 2020, §2.2), where one mask stands for each
 * and the target is the whole text.
 */

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

/** The tokens of all pieces in runs that stay or go, in their order; a run ends with its piece. */
function* runsOf(pieces, encode, random) {
  for (const { text, hide } of pieces) {
    const ids = encode(text)
    const goes = hidden(ids.length, hide, random)
    for (let begin = 0, end; begin < ids.length; begin = end) {
      for (end = begin + 1; end < ids.length && goes[end] === goes[begin]; ) end++
      yield { ids: ids.slice(begin, end), goes: goes[begin] }
    }
  }
}

/**
 * @param pieces as `corpusDocument` gives them
 * @returns ids of input and target, each with the end token
 */
export function corrupt(pieces, tokenizer, random) {
  const end = tokenizer.idOf('</s>')
  const [inputIds, targetIds] = [[], []]
  let sentinels = 0
  for (const { ids, goes } of runsOf(pieces, (text) => tokenizer.encode(text).slice(0, -1), random)) {
    if (goes) {
      const sentinel = tokenizer.idOf(`<extra_id_${sentinels++}>`)
      inputIds.push(sentinel)
      targetIds.push(sentinel, ...ids)
    } else inputIds.push(...ids)
  }
  return { inputIds: [...inputIds, end], targetIds: [...targetIds, end] }
}

/**
 * @param pieces as `corpusDocument` gives them
 * @returns ids of input and target, each between start and end token
 */
export function infill(pieces, tokenizer, random) {
  const [start, end, mask] = ['<s>', '</s>', '<mask>'].map((token) => tokenizer.idOf(token))
  const [inputIds, targetIds] = [[], []]
  for (const { ids, goes } of runsOf(pieces, (text) => tokenizer.encode(text).slice(1, -1), random)) {
    inputIds.push(...(goes ? [mask] : ids))
    targetIds.push(...ids)
  }
  return { inputIds: [start, ...inputIds, end], targetIds: [start, ...targetIds, end] }
}
