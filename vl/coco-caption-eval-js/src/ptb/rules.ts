/**
 * The tokenizer's rules (Stanford's Penn Treebank tokenizer 3.4.1, as the COCO caption evaluation calls it). Everywhere
 * the longest match wins, what has to follow it included; of equally long ones the rule that stands first.
 */
import {
  ampersands,
  become,
  blanksKept,
  brackets,
  type Change,
  currency,
  dashes,
  fraction,
  noSoftHyphens,
  phone,
  quoteLeft,
  quoteRight,
} from './changes.js'

export interface Rule {
  readonly pattern: string
  /** What has to follow; it is read again. */
  readonly before?: string
  /** Nothing, by default. */
  readonly change?: Change
  /** No token comes of it. */
  readonly drops?: boolean
  /** How many characters at the end of the match are read again. */
  readonly giveBack?: number | ((text: string) => number)
  /** Whether the token keeps what is given back: the stop of an abbreviation that ends a sentence counts twice. */
  readonly keep?: boolean | ((text: string) => boolean)
  readonly endsLine?: boolean
}

const isLetterWithStop = (text: string) => text.length === 2

export const rules: readonly Rule[] = [
  { pattern: "'c++'" },
  { pattern: "'c#' | 'f#'" },
  { pattern: "'cannot'", giveBack: 3 },
  { pattern: `"'twas"`, giveBack: 3 },
  { pattern: `"'tis"`, giveBack: 2 },
  { pattern: 'words(gonna gotta lemme gimme wanna)', giveBack: 2 },
  { pattern: 'TAG', change: blanksKept },
  {
    pattern: String.raw`'&MD;' | '&mdash;' | '&ndash;' | [\x0096\x0097\x2013\x2014\x2015]`,
    change: become('--'),
  },
  { pattern: "'&amp;'", change: become('&') },
  { pattern: "'&' ( words(HT TL UR LR QC QL QR odq cdq) | '#' d+ ) ';'" },
  // Words, and what apostrophes make of them.
  { pattern: 'WORD', before: 'CONTR', change: noSoftHyphens },
  { pattern: 'BEFNT', before: 'NT', change: noSoftHyphens },
  { pattern: 'WORD', change: noSoftHyphens },
  { pattern: 'APOSWORD' },
  { pattern: "'y' (APOS)", before: 'L' },
  // Addresses.
  { pattern: String.raw`'http' 's'? '://' [^\{URLX}(){}]+ [^\{URLX}.!?(){},-]` },
  { pattern: String.raw`( HOST ) ( '/' [^\{URLX}()]+ [^\{URLX}.!?(){},-] )?` },
  {
    pattern: String.raw`('&lt;'|'<')? azd [^\{URLX}()\x00A0{}]* '@' ( [^\{URLX}(){}.\x00A0]+ '.' )*
      [^\{URLX}(){}.\x00A0]+ ('&gt;'|'>')?`,
  },
  { pattern: "'@' [A-Za-z_] [A-Za-z_0-9]* | '#' (LET)+" },
  { pattern: 'CONTR', before: '[^A-Za-z]', change: quoteRight },
  { pattern: 'NT', before: '[^A-Za-z]', change: quoteRight },
  // Numbers.
  { pattern: 'D{1,2} [-/] D{1,2} [-/] D{2,4}' },
  { pattern: 'NUMBER', change: noSoftHyphens },
  {
    pattern: String.raw`[\x207A\x207B\x208A\x208B]? ( [\x2070\x00B9\x00B2\x00B3\x2074-\x2079]+ | [\x2080-\x2089]+ )`,
  },
  { pattern: "( D{1,4} ( '-' | SPN ) )? D{1,4} (SLASH) D{1,4}", change: blanksKept },
  { pattern: String.raw`[\x00BC\x00BD\x00BE\x2153-\x215E]`, change: fraction },
  {
    pattern: `'-' words(RRB LRB RCB LCB RSB LSB) '-' | 'C.D.s' | 'pro-' | 'anti-' | 'S' ('&'|'&amp;') 'P-500'
      | 'S' ('&'|'&amp;') 'Ls' | 'Cap' (APOS) 'n' | 'c' (APOS) 'est'`,
    change: ampersands,
  },
  { pattern: "W ( BACKSLASH? '/' W ){1,2}" },
  { pattern: "[A-Z]* '$' | '#'" },
  {
    pattern: String.raw`[\x00A2-\x00A5\x0080\x20A0\x20A4\x20AC\x060B\x0E3F\xFFE0\xFFE1\xFFE5\xFFE6]`,
    change: currency,
  },
  // Abbreviations.
  {
    pattern: "(ACRO) '.'",
    before: '(SNL)+ (FOLLOW) (SNL)',
    giveBack: 1,
    keep: (text) => !isLetterWithStop(text),
  },
  { pattern: "AB3 '.'", before: '(SNL)? D' },
  { pattern: "( 'pt' [eyEY] | 'co' ) '.'", before: "SPACE ('ltd'|'lim')" },
  { pattern: "(AB1) '.'", before: 'SENTEND', giveBack: 1, keep: true },
  { pattern: "(AB1) '.'", before: '[^][^]' },
  { pattern: "(AB1) '.'", giveBack: 1, keep: true },
  { pattern: "(AB4) '.'" },
  { pattern: 'AB4', before: 'SPACE' },
  { pattern: 'ACRO', before: 'SNL' },
  { pattern: '(APOS) d d', before: 'SNL' },
  { pattern: "(L|D)+ ( '.' (L|D)+ )* '.' EXT", before: 'SNL | [.?!,]' },
  { pattern: "WORD '.'", before: 'INS', change: noSoftHyphens },
  { pattern: 'PHONE', change: phone },
  // Quotes, brackets and other signs.
  { pattern: `'"' | '&quot;'`, before: '[A-Za-z0-9$]', change: quoteLeft },
  { pattern: `'"' | '&quot;'`, change: quoteRight },
  { pattern: String.raw`[\x007F]`, drops: true },
  { pattern: "'<' | '&lt;'", change: become('<') },
  { pattern: "'>' | '&gt;'", change: become('>') },
  {
    pattern: String.raw`[<>]? [:;=] [-o*']? [()DPdpO\\{@|[\]]`,
    before: '[^A-Za-z0-9]',
    change: brackets,
  },
  { pattern: 'FACE', change: brackets },
  { pattern: "'{'", change: become('-LCB-') },
  { pattern: "'}'", change: become('-RCB-') },
  { pattern: "'['", change: become('-LSB-') },
  { pattern: "']'", change: become('-RSB-') },
  { pattern: "'('", change: become('-LRB-') },
  { pattern: "')'", change: become('-RRB-') },
  { pattern: "'-'+", change: dashes },
  { pattern: String.raw`'.'{3,5} | ( '.' SPN ){2,4} '.' | [\x0085\x2026]`, change: become('...') },
  { pattern: "'@'+ | '#'+ | '_'+" },
  { pattern: "'*'+ | ( BACKSLASH '*' ){1,3}" },
  { pattern: 'INS' },
  { pattern: '[?!]+' },
  { pattern: String.raw`[.\x00A1\x00BF\x037E\x0589\x061F\x06D4\x0700-\x0702\x07FA\x3002]` },
  { pattern: "'='" },
  { pattern: "'/'" },
  // What is joined by hyphens and ampersands.
  { pattern: "HTH '.'", before: 'INS', change: noSoftHyphens },
  { pattern: 'HTH', change: noSoftHyphens },
  { pattern: "THING '.'", before: 'INS' },
  { pattern: 'THING' },
  { pattern: "AMPW '.'", before: 'INS', change: ampersands },
  { pattern: 'AMPW', change: ampersands },
  { pattern: 'QUOTE', before: String.raw`az [^ \x0009\x000A\x000D\x00A0]`, change: quoteLeft },
  { pattern: 'CONTR', change: quoteRight },
  { pattern: 'NT', change: quoteRight },
  { pattern: '(APOS) | QUOTE QUOTE | QCH QCH?', change: quoteRight },
  { pattern: "'<<' | '>>'" },
  { pattern: 'MISC' },
  { pattern: String.raw`[\x0000] | SPACE+ | [\x200B\x200E\x200F\xFEFF]`, drops: true },
  { pattern: 'NL', endsLine: true },
  { pattern: "'&nbsp;'", drops: true },
  { pattern: String.raw`[^\x000A]`, drops: true },
]
