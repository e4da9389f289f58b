/** Lines on standard error, and one line at their end that is written again and again. */
import type { WriteStream } from 'node:tty'

const clearLine = '\r\u001b[K'
const dim = ['\u001b[2m', '\u001b[22m'] as const

export interface Screen {
  /** A line that stays. */
  line(text: string): void
  /** A line that stays, in the background. */
  aside(text: string): void
  /** Replaces the last line, where the terminal can. */
  status(text: string): void
  /** Makes the last line stay. */
  keep(): void
}

/** Whether lines can be written again. */
export function isTerminal(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && process.env.TERM !== 'dumb'
}

/** A terminal; colours as `NO_COLOR` and its kind allow. */
export function terminalScreen(stream: NodeJS.WriteStream): Screen {
  let shown = ''
  const [begin, end] = (stream as WriteStream).hasColors() ? dim : ['', '']
  const line = (text: string) => {
    stream.write(`${shown ? clearLine : ''}${text}\n${shown}`)
  }
  return {
    line,
    aside: (text) => line(`${begin}${text}${end}`),
    status: (text) => {
      const fits = text.slice(0, Math.max(1, (stream.columns || 80) - 1))
      stream.write(`${clearLine}${fits}`)
      shown = fits
    },
    keep: () => {
      if (shown) stream.write('\n')
      shown = ''
    },
  }
}

/** A pipe or a file: plain lines. What would be rewritten is the caller's to thin out. */
export function plainScreen(stream: NodeJS.WriteStream): Screen {
  const line = (text: string) => {
    stream.write(`${text}\n`)
  }
  return { line, aside: line, status: line, keep: () => {} }
}
