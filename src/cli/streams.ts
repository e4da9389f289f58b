/** Where a command prints: results to standard output, everything else to standard error. */
export interface Streams {
  readonly out: NodeJS.WriteStream
  readonly err: NodeJS.WriteStream
}

const whenReaderLeaves = new Set<() => void>()

export function standardStreams(): Streams {
  return { out: process.stdout, err: process.stderr }
}

/** From now on, a reader that leaves early (`vl-lst … | head`) is no error of this process. */
export function forgiveReaders({ out, err }: Streams): void {
  out.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    if (whenReaderLeaves.size === 0) process.exit()
    for (const act of whenReaderLeaves) act()
  })
  err.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

/**
 * What to do, instead of ending at once, when nobody reads standard output any more.
 *
 * @returns takes it back
 */
export function onReaderLeft(act: () => void): () => void {
  whenReaderLeaves.add(act)
  return () => whenReaderLeaves.delete(act)
}
