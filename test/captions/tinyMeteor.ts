/** METEOR's resources of a few words, for tests that need no real ones. */
import { compactMeteor, type MeteorSources, MeteorTables } from 'coco-caption-eval-js'

const bytes = (text: string) => new TextEncoder().encode(text)

export const tinySources: MeteorSources = {
  paraphrases: bytes('cat\tkitten\tsmall cat\nis on\tsits on\n'),
  synsets: bytes('cat\n00000007\ndog\n00000001\nrun\n00000002\nsit\n00000003 00000004\n'),
  exceptions: bytes('run\nran\nsit\nsat\n'),
  functionWords: bytes('a\nthe\non\n'),
  prefixes: bytes('Dr\nno\tnumeric\n'),
}

/** The same pairs as METEOR 1.5 has them, and a list of prefixes with comments. */
export const originalSources: MeteorSources = {
  ...tinySources,
  paraphrases: bytes('0.5\ncat\nkitten\n0.1\ncat\nsmall cat\n0.25\nis on\nsits on\n'),
  prefixes: bytes('#abbreviations\nDr\n\nno #NUMERIC_ONLY#\n'),
}

let tables: MeteorTables | undefined

export function tinyTables(): MeteorTables {
  tables ??= new MeteorTables(compactMeteor(tinySources))
  return tables
}
