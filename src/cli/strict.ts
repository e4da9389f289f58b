/** Refuses what no command knows, with the nearest name that one does. */
import { nearest, UserError } from '../base/index.js'

/** What was typed, after yargs took it apart. */
export interface Typed {
  readonly _: readonly (string | number)[]
  readonly [option: string]: unknown
}

/** yargs' own keys. */
const reserved = new Set(['_', '$0', '--'])

/**
 * @param commands names of all commands
 * @param options names of the options and positionals that belong here
 * @throws {UserError} the first word or option that is unknown
 */
export function refuseUnknown(typed: Typed, commands: readonly string[], options: readonly string[]): void {
  const [command, surplus] = typed._.map(String)
  if (command !== undefined && !commands.includes(command)) {
    throw new UserError(
      `unknown command "${command}"${hint(command, commands)} (all: ${commands.join(', ')})`,
    )
  }
  const option = Object.keys(typed).find((name) => !reserved.has(name) && !options.includes(name))
  if (option !== undefined) throw unknownOption(option, command, options)
  if (surplus !== undefined) {
    throw new UserError(`${command} takes no "${surplus}": leave it out, or give it to an option (--help)`)
  }
}

function unknownOption(name: string, command: string | undefined, options: readonly string[]): UserError {
  const near = nearest(name, options)
  const typed = `${name.length === 1 ? '-' : '--'}${name}`
  const help = command ? `vl-lst ${command} --help` : 'vl-lst --help'
  return new UserError(
    `unknown option ${typed}${near ? `; the nearest is --${near}` : ''} (${help} lists all of them)`,
  )
}

/** `; the nearest is "train"`, where one is near. */
export function hint(name: string, candidates: readonly string[]): string {
  const near = nearest(name, candidates)
  return near ? `; the nearest is "${near}"` : ''
}
