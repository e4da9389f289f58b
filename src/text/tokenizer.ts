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
   */
  encode(text: string, options?: { readonly maxLength?: number | undefined }): number[]
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
  let around: Around
  try {
    tokenizer = new HuggingFaceTokenizer(content, config)
    around = specialsAround(tokenizer)
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
    encode(text, { maxLength = Infinity } = {}) {
      const pieces = tokenizer.encode(text, { add_special_tokens: false }).ids
      const room = Math.max(0, maxLength - around.before.length - around.after.length)
      return [...around.before, ...pieces.slice(0, room), ...around.after]
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
  encode(text: string, options?: { add_special_tokens: boolean }): { readonly ids: readonly number[] }
  decode(ids: readonly number[], options: { clean_up_tokenization_spaces: boolean }): string
  token_to_id(token: string): number | undefined
  id_to_token(id: number): string | undefined
  get_vocab(): Map<string, number>
}

/** Ids of the special tokens that are put before and after the pieces of a text. */
interface Around {
  readonly before: readonly number[]
  readonly after: readonly number[]
}

function specialsAround(tokenizer: Library): Around {
  const pieces = tokenizer.encode('a', { add_special_tokens: false }).ids
  const all = tokenizer.encode('a').ids
  const start = all.findIndex((_, i) => pieces.every((piece, j) => all[i + j] === piece))
  return { before: all.slice(0, start), after: all.slice(start + pieces.length) }
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
