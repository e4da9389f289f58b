/**
 * METEOR's tables as one block of bytes in which everything is found by its position: a head of {@link sections}' places,
 * then the sections. Words, forms and phrases are in ascending byte order; numbers are little-endian.
 */
export const sections = [
  ...['words', 'wordStarts', 'phraseWords', 'phraseStarts', 'firstPhrases', 'targets', 'targetStarts'],
  ...['synonymWords', 'synonymStarts', 'sets', 'setStarts'],
  ...['forms', 'formStarts', 'bases', 'baseStarts'],
  ...['functionWords', 'prefixes'],
] as const

export type Section = (typeof sections)[number]

/** Changes with the layout. */
export const magic = 0x4d455401

/** In bytes: the magic number, the size of all, and of each section its offset and length. */
export const headBytes = 4 * (2 + 2 * sections.length)

export const aligned = (offset: number): number => Math.ceil(offset / 4) * 4
