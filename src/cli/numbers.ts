/** Numbers as they are typed. */
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

/** `undefined` where the text is no number. */
export const readNumber = (text: string): number | undefined =>
  decimal.test(text) ? Number(text) : undefined
