/** Headings of `--help` that several commands share. */
export const everywhere = 'Everywhere:'
