/** How every error ends: one line on standard error, and an exit code. */
import { UserError } from '../base/index.js'

export const exitCodes = { done: 0, failed: 1, refused: 2, interrupted: 130 } as const

/** What stopped a command after its first step, when its data and settings had already been found good. */
export class StoppedRun extends Error {
  override name = 'StoppedRun'

  constructor(override readonly cause: unknown) {
    super('the run stopped')
  }
}

/** The user asked for the end, and the line about it is all there is to say. */
export class Interrupted extends Error {
  override name = 'Interrupted'
}

/** What the machine refused, in words; anything else that Node reports is a bug of ours. */
const systemErrors: Readonly<Record<string, string>> = {
  EACCES: 'permission denied: change its permissions or name another place',
  EDQUOT: 'the disk quota is used up: make room',
  EMFILE: 'too many files are open: raise the limit (ulimit -n)',
  ENOSPC: 'the disk is full: make room',
  EPERM: 'permission denied: change its permissions or name another place',
  EROFS: 'the file system is read-only: name another place',
}

/**
 * @param debug adds the stack
 * @returns the text for standard error, one line without `debug`, and the exit code
 */
export function describeError(
  error: unknown,
  { debug }: { readonly debug: boolean },
): { readonly text: string; readonly exitCode: number } {
  const cause = error instanceof StoppedRun ? error.cause : error
  const { line, bug } = summarise(cause)
  const stack = debug && cause instanceof Error && cause.stack ? `\n${cause.stack}` : ''
  return { text: `vl-lst: ${oneLine(line)}${stack}\n`, exitCode: exitCode(error, bug) }
}

function exitCode(error: unknown, bug: boolean): number {
  if (error instanceof Interrupted) return exitCodes.interrupted
  return bug || error instanceof StoppedRun ? exitCodes.failed : exitCodes.refused
}

function summarise(error: unknown): { readonly line: string; readonly bug: boolean } {
  if (error instanceof UserError || error instanceof Interrupted) return { line: error.message, bug: false }
  const { code, path } = systemError(error)
  const known = code && systemErrors[code]
  if (known) return { line: `${path ? `${path}: ` : ''}${known}`, bug: false }
  const message = error instanceof Error ? error.message : String(error)
  return { line: `internal error: ${message} (run again with --debug; please report it)`, bug: true }
}

function systemError(error: unknown): Pick<NodeJS.ErrnoException, 'code' | 'path'> {
  return error instanceof Error && 'syscall' in error ? (error as NodeJS.ErrnoException) : {}
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, ' ')
}
