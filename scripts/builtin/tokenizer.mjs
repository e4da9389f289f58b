/**
 * A byte-level BPE (Sennrich et al. 2016) over the world's words: every common one becomes one piece, a rare one a few,
 * and whatever else is typed is spelled in bytes. Ids: the first special tokens, 256 bytes, merges, the last special tokens.
 */
import { writeFileSync } from 'node:fs'

const endAlone = {
  first: ['<pad>', '</s>', '<unk>'],
  last: Array.from({ length: 100 }, (_, i) => `<extra_id_${99 - i}>`),
  ...{ before: [], between: ['</s>'], after: ['</s>'] },
}

/**
 * Which special tokens each model's tokenizer has: the first and the last of its ids; and which stand before a text,
 * between two, and after. Ids are those of the models that they are named after.
 */
export const forms = {
  t5: endAlone,
  clip: endAlone,
  bart: {
    first: ['<s>', '<pad>', '</s>', '<unk>'],
    last: ['<mask>'],
    ...{ before: ['<s>'], between: ['</s>', '</s>'], after: ['</s>'] },
  },
}

/** Bytes as the characters that byte-level tokenizers write them with (Radford et al. 2019). */
const byteCharacters = (() => {
  const printable = (byte) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255)
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++))
})()

const split = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu

/** How often each word occurs, as a row of byte characters. */
function countWords(texts) {
  const counts = new Map()
  for (const text of texts) {
    for (const [word] of ` ${text}`.matchAll(split)) {
      const spelled = [...Buffer.from(word)].map((byte) => byteCharacters[byte]).join('')
      counts.set(spelled, (counts.get(spelled) ?? 0) + 1)
    }
  }
  return [...counts].map(([word, count]) => ({ pieces: [...word], count }))
}

function mostFrequentPair(words) {
  const counts = new Map()
  for (const { pieces, count } of words) {
    for (let i = 1; i < pieces.length; i++) {
      const pair = `${pieces[i - 1]} ${pieces[i]}`
      counts.set(pair, (counts.get(pair) ?? 0) + count)
    }
  }
  return [...counts].reduce(
    (best, pair) => (!best || pair[1] > best[1] || (pair[1] === best[1] && pair[0] < best[0]) ? pair : best),
    undefined,
  )?.[0]
}

function merge({ pieces, count }, [left, right]) {
  const merged = []
  for (let i = 0; i < pieces.length; i++) {
    const joins = pieces[i] === left && pieces[i + 1] === right
    merged.push(joins ? left + right : pieces[i])
    if (joins) i++
  }
  return { pieces: merged, count }
}

/** Merges until no word has more pieces, each as its two sides. @param known merges that come first */
export function learnMerges(texts, { known = [], mostPieces = 1 } = {}) {
  let words = countWords(texts)
  const merges = []
  const add = (pair) => {
    merges.push(pair)
    words = words.map((word) => merge(word, pair))
  }
  for (const pair of known) add(pair)
  const isLong = ({ pieces }) => pieces.length > mostPieces
  while (words.some(isLong)) add(mostFrequentPair(words.filter(isLong)).split(' '))
  return merges
}

/** Writes merges as Hugging Face's `tokenizer.json` with its configuration. @returns the number of tokens */
export function writeTokenizer(merges, { first, last, before, between, after }, folder) {
  const pieces = [
    ...first,
    ...byteCharacters,
    ...new Set(merges.map(([left, right]) => left + right)),
    ...last,
  ]
  const special = (content) => ({
    ...{ id: pieces.indexOf(content), content, single_word: false, lstrip: false, rstrip: false },
    ...{ normalized: false, special: true },
  })
  const byteLevel = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true }
  const text = (id) => ({ Sequence: { id, type_id: 0 } })
  const tokens = (names) => names.map((id) => ({ SpecialToken: { id, type_id: 0 } }))
  const around = [...new Set([...before, ...between, ...after])]
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [...first, ...last].map(special),
    normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Lowercase' }] },
    pre_tokenizer: byteLevel,
    post_processor: {
      type: 'TemplateProcessing',
      single: [...tokens(before), text('A'), ...tokens(after)],
      pair: [...tokens(before), text('A'), ...tokens(between), text('B'), ...tokens(after)],
      special_tokens: Object.fromEntries(
        around.map((id) => [id, { id, ids: [pieces.indexOf(id)], tokens: [id] }]),
      ),
    },
    decoder: { type: 'Sequence', decoders: [byteLevel, { type: 'Strip', content: ' ', start: 1, stop: 0 }] },
    model: {
      ...{ type: 'BPE', dropout: null, unk_token: '<unk>', continuing_subword_prefix: null },
      ...{ end_of_word_suffix: null, fuse_unk: false, byte_fallback: false },
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges: merges.map((pair) => pair.join(' ')),
    },
  }
  writeFileSync(`${folder}/tokenizer.json`, JSON.stringify(tokenizer))
  const named = {
    bos_token: '<s>',
    pad_token: '<pad>',
    eos_token: '</s>',
    unk_token: '<unk>',
    mask_token: '<mask>',
  }
  const has = Object.entries(named).filter(([, token]) => pieces.includes(token))
  const config = { tokenizer_class: 'PreTrainedTokenizerFast', ...Object.fromEntries(has) }
  writeFileSync(`${folder}/tokenizer_config.json`, `${JSON.stringify(config)}\n`)
  return pieces.length
}
