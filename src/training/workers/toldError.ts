/** Errors that cross from one process to another. */
import { UserError } from '../../base/index.js'

/** What the command line needs of an error, as plain data. */
export interface ToldError {
  /** Whether it is a `UserError`: whole in its message. */
  readonly user: boolean
  readonly message: string
  readonly stack?: string | undefined
  /** What the system refused, if it was the system. */
  readonly system?: Pick<NodeJS.ErrnoException, 'code' | 'path' | 'syscall'>
}

export function tellError(error: unknown): ToldError {
  if (!(error instanceof Error)) return { user: false, message: String(error) }
  const { message, stack } = error
  const { code, path, syscall } = error as NodeJS.ErrnoException
  const system = syscall === undefined ? {} : { system: { code, path, syscall } }
  return { user: error instanceof UserError, message, stack, ...system }
}

/** The error, as it would have been thrown here. */
export function errorTold({ user, message, stack, system }: ToldError): Error {
  const error = user ? new UserError(message) : Object.assign(new Error(message), system)
  if (stack !== undefined) error.stack = stack
  return error
}
