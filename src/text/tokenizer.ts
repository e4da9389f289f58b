import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers'
import { z } from 'zod'
import { UserError } from '../base/index.js'

/** Text to token ids and back, by a Hugging Face `tokenizer.json`. */
export interface Tokenizer {
  /** One more than the largest id. A model's embedding table may have more rows. */
  readonly vocabularySize: number
  /**
   * Ids with the special tokens that the tokenizer's post-processor adds (T5: pieces, `</s>`).
   * @param options.maxLength number of ids at most; pieces are cut at the end, special tokens stay
   * @param options.pair a second text behind the first, joined as the post-processor does; where both are too long,
   *   the longer is cut first
   */
  encode(
    text: string,
    options?: { readonly maxLength?: number | undefined; readonly pair?: string | undefined },
  ): number[]
  /**
   * Text without special tokens (`<pad>`, `</s>`, `<unk>`, all `<extra_id_i>` and `<vis_extra_id_i>`)
   * and without ids that the tokenizer has no token for (the paper's added rows, a label's −100), with
   * the clean-up of `spec/vl-tasks.md` §3.2, which matters for exact match.
   */
  decode(ids: Iterable<number>): string
  idOf(token: string): number | undefined
  /** A hash of all tokens with their ids, which tells one vocabulary from another. */
  fingerprint(): string
}

/**
 * Opens `tokenizer.json` and, beside it, `tokenizer_config.json` if there is one.
 *
 * Two known differences between `@huggingface/tokenizers` 0.2 and the reference's tokenizers in Rust,
 * neither of which occurs in the recorded texts of T5: for T5's normaliser it uses JavaScript's NFKC
 * in place of the table in the file (172 characters are newer than the table; letters with several
 * combining accents may differ too), and in BART's pre-tokenizer U+FEFF counts as a blank.
 *
 * @param path the file or its folder
 * @throws {UserError} the file is missing, not JSON or not a tokenizer
 */
export function openTokenizer(path: string): Tokenizer {
  const file = tokenizerFile(path)
  const content = readTokenizer(file)
  const configFile = join(dirname(file), 'tokenizer_config.json')
  const config = existsSync(configFile) ? readConfig(configFile) : {}
  let tokenizer: Library
  let around: Record<'one' | 'two', Around>
  try {
    tokenizer = new HuggingFaceTokenizer(content, config)
    around = { one: aroundOne(tokenizer), two: aroundTwo(tokenizer) }
  } catch (error) {
    throw unusable(file, `is not a tokenizer that can be read (${oneLine(error)})`)
  }
  const vocabulary = [...tokenizer.get_vocab()]
  const skipped = new Set(
    vocabulary.filter(([token]) => /^<(vis_)?extra_id_\d+>$/.test(token)).map(([, id]) => id),
  )
  for (const { id, special } of content.added_tokens) if (special) skipped.add(id)

  return {
    vocabularySize: vocabulary.reduce((size, [, id]) => Math.max(size, id + 1), 0),
    encode(text, { maxLength = Infinity, pair } = {}) {
      const piecesOf = (part: string) => tokenizer.encode(part, { add_special_tokens: false }).ids
      const { before, between, after } = pair === undefined ? around.one : around.two
      const room = Math.max(0, maxLength - before.length - between.length - after.length)
      const [first, second] = [piecesOf(text), pair === undefined ? [] : piecesOf(pair)]
      const [ofFirst, ofSecond] = shares(first.length, second.length, room)
      return [...before, ...first.slice(0, ofFirst), ...between, ...second.slice(0, ofSecond), ...after]
    },
    decode(ids) {
      const kept = [...ids].filter((id) => !skipped.has(id) && tokenizer.id_to_token(id) !== undefined)
      return kept.length === 0 ? '' : tokenizer.decode(kept, { clean_up_tokenization_spaces: true })
    },
    idOf: (token) => tokenizer.token_to_id(token),
    fingerprint() {
      const rows = vocabulary.map(([token, id]) => [id, token] as const).sort(([a], [b]) => a - b)
      return createHash('sha256').update(JSON.stringify(rows)).digest('hex').slice(0, 16)
    },
  }
}

/** What is used of the library. Its own declarations import each other without endings, which
 * NodeNext does not resolve: the compiler takes its class for `any`. */
interface Library {
  encode(
    text: string,
    options?: { add_special_tokens?: boolean; text_pair?: string },
  ): { readonly ids: readonly number[] }
  decode(ids: readonly number[], options: { clean_up_tokenization_spaces: boolean }): string
  token_to_id(token: string): number | undefined
  id_to_token(id: number): string | undefined
  get_vocab(): Map<string, number>
}

/** Ids of the special tokens that are put before, between and after the pieces of one text or two. */
interface Around {
  readonly before: readonly number[]
  readonly between: readonly number[]
  readonly after: readonly number[]
}

const someText = 'a'

function aroundOne(tokenizer: Library): Around {
  const [before, after] = splitAt(tokenizer.encode(someText).ids, piecesOfSome(tokenizer))
  return { before, between: [], after }
}

function aroundTwo(tokenizer: Library): Around {
  const pieces = piecesOfSome(tokenizer)
  const [before, rest] = splitAt(tokenizer.encode(someText, { text_pair: someText }).ids, pieces)
  const [between, after] = splitAt(rest, pieces)
  return { before, between, after }
}

const piecesOfSome = (tokenizer: Library) => tokenizer.encode(someText, { add_special_tokens: false }).ids

/** What stands before the first of these pieces, and what behind them. */
function splitAt(ids: readonly number[], pieces: readonly number[]): readonly [number[], number[]] {
  const start = ids.findIndex((_, i) => pieces.every((piece, j) => ids[i + j] === piece))
  return [ids.slice(0, start), ids.slice(start + pieces.length)]
}

/** How many pieces of two texts fit: one at a time goes from the longer, or the second of equal ones. */
function shares(first: number, second: number, room: number): readonly [first: number, second: number] {
  if (first + second <= room) return [first, second]
  const half = Math.floor(room / 2)
  if (Math.min(first, second) > half) return [room - half, half]
  return first > second ? [room - second, second] : [first, room - first]
}

/** @param path the file or its folder @throws {UserError} it is missing */
export function tokenizerFile(path: string): string {
  const isFolder = existsSync(path) && statSync(path).isDirectory()
  const file = isFolder ? join(path, 'tokenizer.json') : path
  if (existsSync(file)) return file
  throw new UserError(
    isFolder
      ? `${path}: has no tokenizer.json: save the fast tokenizer there (save_pretrained)`
      : `${path}: there is no such file or folder: check the path`,
  )
}

/** What this wrapper itself relies on; the library reads the rest. */
const tokenizerSchema = z.looseObject({
  model: z.looseObject({}),
  added_tokens: z.array(z.looseObject({ id: z.int(), content: z.string(), special: z.boolean() })),
})

function readTokenizer(file: string): z.infer<typeof tokenizerSchema> {
  const checked = tokenizerSchema.safeParse(readJson(file))
  if (checked.success) return checked.data
  throw unusable(file, `is not a tokenizer (${checked.error.issues[0]?.path.join('.') || 'no object'})`)
}

function readConfig(file: string): object {
  const checked = z.looseObject({}).safeParse(readJson(file))
  if (checked.success) return checked.data
  throw unusable(file, 'is not a JSON object')
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw unusable(file, `is not JSON (${oneLine(error)})`)
  }
}

function unusable(file: string, what: string): UserError {
  return new UserError(`${file}: ${what}: download it again`)
}

function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ')
}
