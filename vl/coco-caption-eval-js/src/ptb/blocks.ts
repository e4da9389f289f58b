/** The named parts of the tokenizer's rules; a part uses those above it. */
import { type Names, type Pattern, parsePattern } from '../automaton/pattern.js'
import type { Units } from '../automaton/units.js'
import { digitUnits, letterUnits, upperUnits, wordExtraUnits } from './charsets.js'

const characters = {
  L: letterUnits,
  D: digitUnits,
  UP: upperUnits,
  EXTRA: wordExtraUnits,
} satisfies Record<string, Units>

const parts: readonly (readonly [name: string, pattern: string])[] = [
  ['d', '[0-9]'],
  ['az', '[A-Za-z]'],
  ['azd', '[A-Za-z0-9]'],
  ['SP', '[ ]'],
  ['SPN', String.raw`[ \x00A0]`],
  ['SHY', String.raw`[\x00AD]`],
  ['LF', String.raw`[\x000A]`],
  ['CR', String.raw`[\x000D]`],
  ['BACKSLASH', String.raw`[\\]`],
  ['QUOTE', "[']"],
  ['SPACE', String.raw`[ \x0009\x00A0\x2000-\x200A\x3000]`],
  ['NL', String.raw`CR | LF | CR LF | [\x2028\x2029\x000B\x000C\x0085]`],
  ['SNL', 'SPACE | NL'],
  ['LET', "L | EXTRA | '&' [aeiouAEIOU] ('acute'|'grave'|'uml') ';'"],
  ['WORD', 'LET (LET|D)* ( [.!?] LET (LET|D)* )*'],
  ['APOS', String.raw`['\x0092\x2019] | '&apos;'`],
  ['APOSX', String.raw`APOS | [\x0060\x0091\x2018\x201B]`],
  ['CONTR', "APOS ( [msdMSD] | 're' | 've' | 'll' )"],
  ['NT', "'n' APOSX 't'"],
  ['BEFNT', String.raw`[A-Za-z\x00AD]* [A-MO-Za-mo-z] SHY*`], // a word up to its n't
  ['NM', '[A-Za-z0-9_:.-]'],
  ['VALUE', `QUOTE [^']* QUOTE | '"' [^"]* '"'`],
  [
    'TAG',
    String.raw`'<' ( [!?] [A-Za-z-] [^>\x000D\x000A]*
      | az NM* ( SP+ ( az NM* | az NM* SP* '=' SP* ( VALUE ) ) )* SP* '/'?
      | '/' az NM* ) SP* '>'`,
  ],
  ['SENTEND', 'SNL ( SNL | UP | TAG )'],
  ['NUM', String.raw`D+ | D* ( [.:,\x00AD\x066B\x066C] D+ )+`],
  ['NUMBER', '[-+]? ( NUM )'],
  ['US', "words(Canada Sino Korean EU Japan non) '-U.S' | 'U.S.-' ('U.K'|'U.S.S.R')"],
  ['ACRO', "az ('.' az)* | US"],
  ['ACRO2', "az ('.' az)+ | US"],
  ['URLX', String.raw`[ \x0009\x000A\x000C\x000D"<>|]`], // what ends an address
  ['HYPH', String.raw`[-_\x058A\x2010\x2011]`],
  ['FOREIGN', '[dDoOlL] (APOSX) (L|D)'],
  ['SLASH', String.raw`BACKSLASH? '/' | [\x2044]`],
  ['INS', String.raw`[,;:\x3001]`],
  [
    'QCH',
    String.raw`[\x0060\x2018\x2019\x201A\x201B\x201C\x201D\x0091\x0092\x0093\x0094\x201E\x201F\x2039\x203A\x00AB\x00BB]`,
  ],
  [
    'AB1',
    `words( Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec  Mon Tue Tues Wed Thu Thurs Fri
      Ala Ariz Calif Colo Conn Ct Dak Fla Ga Ind Kan Kans Ky Md Mich Minn Mo Mont Neb Nev Okla Penn Tenn Va Vt Wis Wisc Wyo
      Inc Co Cos Corp Ltd Plc Rt Bancorp Bhd Assn Univ Intl Sys  tel est ext sq
      Jr Sr Bros Ed.D Ph.D Blvd Rd Esq  etc al seq Bldg )
    | [A]'z' | [A]'rk' | [D]'el' | [I]'ll' | [L]'a' | [M]'ass' | [M]'iss' | [O]'re' | [P]'a' | [T]'ex' | [W]'ash'
    | 'p' 'p'? 't' [ye] 's'?`,
  ],
  [
    'AB4',
    `words( Mr Mrs Ms Dr Drs Prof Profs Sen Sens Rep Reps Atty Attys Lt Col Gen Messrs Gov Govs Adm Rev Maj Sgt Cpl Pvt Capt
      St Ste Ave Pres Lieut Hon Brig Cmdr Comdr Pfc Spc Supt Supts Det Mt Ft Adj Adv Asst Assoc Ens Insp Mlle Mme Msgr Sfc
      vs Alex Wm Jos Cie a.k.a cf TREAS Ph  Invt Elec Natl Dept )
    | [M]'iss' | 'm' [ft] 'g' | ACRO`,
  ],
  ['AB3', 'words( ca fig figs prop no nos art bldg pp op )'],
  [
    'EXT',
    `words( bat bmp c class cgi cpp dll doc docx exe gif gz h htm html jar java jpeg jpg mov mp3 pdf php pl png ppt ps py
      sql tar txt wav x xml zip )`,
  ],
  [
    'FOLLOW',
    `titled( About According Additionally After An A As At But Earlier He Her Here However If In It Last Many More Mr. Ms.
      Now Once One Other Our She Since So Some Such That The Their Then There These They This We When While What Yet You )
    | TAG`,
  ],
  [
    'APOSWORD',
    `(APOS) 'n' (APOS)? | [lLdDjJ] (APOS) | 'Dunkin' (APOS) | 'somethin' (APOS) | 'ol' (APOS) | (APOS) 'em'
    | [A-HJ-XZn] (APOSX) L L L*
    | (APOS) [2-9] '0s' | (APOS) 'til' 'l'?
    | L L* [aeiouyAEIOUY] (APOSX) [aeiouA-Z] L*
    | (APOS) 'cause' | "cont'd" '.'? | "'twas" | "nor'easter" | "c'mon" | "e'er" | "s'mores" | "ev'ry" | "li'l"
    | "nat'l" | 'o' (APOSX) 'o'`,
  ],
  [
    'PHONE',
    `( '(' d{2,3} ')' SPN? | ('+' '+'?)? ( d{2,4} ( '-' | SPN ) )? d{2,4} ( '-' | SPN ) )
        d{3,4} ( '-' | SPN )? d{3,5}
    | ( ('+' '+'?)? d{2,4} '.' )? d{2,4} '.' d{3,4} '.' d{3,5}`,
  ],
  [
    'HOST',
    String.raw`'www.' ( [^\{URLX}.!?(){},]+ '.' )+ az{2,4}
    | ( [^\{URLX}\x0060'.!?(){}$\x002C-\x005F]+ '.' )+ words(com net org edu)`,
  ],
  [
    'FACE',
    String.raw`[-'^x=~<>] '_' [-'^x=~<>]
    | '(' [-'^x=~<>] [_.]? [-'^x=~<>] ')'
    | '(' [\^x=~<>'] '-' [\^x=~<>'\x0060] ')'
    | [\^x=~<>] '.[^x=' [^<]* '<>]'`,
  ],
  ['W', "azd+ ('-' az+){0,2}"],
  ['HTH', String.raw`azd [A-Za-z0-9.,\x00AD]* ( '-' ( [A-Za-z0-9\x00AD]+ | (ACRO2) '.' ) )+`],
  ['THING', '(FOREIGN)? (L|D)+ ( HYPH (FOREIGN)? (L|D)+ )*'],
  ['AMPW', "[A-Z]+ ( ( [+&] | '&amp;' ) [A-Z]+ )+"],
  [
    'MISC',
    String.raw`[+%&~^|\\\x00A6-\x00A9\x00AC\x00AE-\x00BA\x00D7\x00F7\x0387\x05BE\x05C0\x05C3\x05C6\x05F3\x05F4]
    | [\x0600-\x0603\x0606-\x060A\x060C\x0614\x061B\x061E\x066A\x066D\x0703-\x070D\x07F6-\x07F8\x0964\x0965\x0E4F\x1FBD]
    | [\x2016\x2017\x2020-\x2023\x2030-\x2038\x203B\x203E-\x2042\x2044\x207A-\x207F\x208A-\x208E\x2100-\x214F]
    | [\x2190-\x2BFF\x3012\x30FB\xFF01-\xFF0F\xFF1A-\xFF20\xFF3B-\xFF40\xFF5B-\xFF65]`,
  ],
]

function parseParts(): Names {
  const names = new Map<string, Pattern>()
  for (const [name, set] of Object.entries(characters)) names.set(name, { kind: 'set', set })
  for (const [name, pattern] of parts) names.set(name, parsePattern(pattern, names))
  return names
}

export const blocks: Names = parseParts()
