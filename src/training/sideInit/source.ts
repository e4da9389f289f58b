/** What side weights are cut out of: the backbone as its folder has it. */
import { UserError } from '../../base/index.js'
import { type Layout, layoutOf } from '../../pruning/index.js'
import { openTokenizer, type Tokenizer } from '../../text/index.js'
import { type Backbone, openBackbone, withTokenRows } from '../backbone.js'
import type { TrainConfig } from '../config.js'
import type { Report } from '../events.js'
import { fingerprintOf } from '../fingerprint.js'

export interface Source {
  readonly backbone: Backbone
  readonly layout: Layout
  readonly fingerprint: string
  /** @throws {UserError} there is none */
  tokenizer(): Tokenizer
}

/**
 * Reference: the vision code takes the token table as it is, the text code cuts it to the tokenizer's length.
 *
 * @throws {UserError} a backbone that can't be read, or a text one without tokenizer
 */
export function openSource(
  { backbone: name, tokenizer: tokenizerPath, variant, seed }: TrainConfig,
  { cache, report }: { readonly cache: string; readonly report: Report },
): Source {
  const plain = openBackbone(name, { cache, seed, onWrite: (text) => report({ kind: 'note', text }) })
  const tokenizer = () => {
    const path = tokenizerPath ?? plain.tokenizerFile
    if (path) return openTokenizer(path)
    throw new UserError(`${name} has no tokenizer.json: name a folder that has one with --tokenizer`)
  }
  const fingerprint = fingerprintOf(plain)
  const backbone = variant === 'text' ? withTokenRows(plain, tokenizer().vocabularySize, { cache }) : plain
  return { backbone, layout: layoutOf(plain.config), fingerprint, tokenizer }
}
