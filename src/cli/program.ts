/** The command line as a whole: what is typed becomes a call of one command. */
import yargs, { type CommandModule } from 'yargs'
import { UserError } from '../base/index.js'
import { commands } from './commands.js'
import { globalOptions } from './globals.js'
import { refuseUnknown, type Typed } from './strict.js'
import { packageVersion } from './version.js'

const completion = 'completion'
const commandNames = [...commands.map(({ usage }) => usage.split(' ')[0]!), completion]

/** Lines longer than this are hard to read, however wide the terminal is. */
const widestHelp = 110

/** yargs' sentences, in our voice. */
const sentences = {
  'Not enough arguments following: %s': 'option --%s needs a value: give one after it',
  'Show help': 'this text',
  'Show version number': 'version of vl-lst',
}

/**
 * Runs the command that `words` ask for.
 *
 * @throws {UserError} an unknown command or option, or a bad value
 */
export async function runProgram(words: readonly string[]): Promise<void> {
  const program = yargs([...words])
    .scriptName('vl-lst')
    .locale('en')
    .updateStrings(sentences)
    .parserConfiguration({
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
    })
    .usage('vl-lst COMMAND [options]\n\nLadder Side-Tuning for vision and language (vl-lst COMMAND --help)')
    .options(globalOptions)
    .demandCommand(1, `no command is given: type one of ${commandNames.join(', ')}`)
    .check((typed, options) => checkNames(typed, options as unknown as Declared), true)
    .fail((message, error) => {
      throw error ?? new UserError(`${message} (see --help)`)
    })
    .version(packageVersion())
    .completion(completion, 'a script for the shell that completes commands and options')
    .group(['help', 'version'], globalOptions.json.group)
    .help()
    .example('vl-lst train --task vqa --backbone DIR --dataset DIR --vision patches', 'train a ladder')
  program.wrap(Math.min(widestHelp, process.stdout.columns || 80))
  for (const command of commands) program.command(lazy(command))
  try {
    await program.parseAsync()
  } catch (error) {
    throw error instanceof Error && error.name === 'YError' ? new UserError(error.message) : error
  }
}

/** What yargs gives to a check beside what was typed: everything that was declared, by name. */
interface Declared {
  readonly key: Readonly<Record<string, unknown>>
  readonly alias: Readonly<Record<string, readonly string[]>>
}

function checkNames(typed: Typed, { key, alias }: Declared): true {
  refuseUnknown(typed, commandNames, [...Object.keys(key), ...Object.values(alias).flat()])
  return true
}

function lazy({ usage, summary, load }: (typeof commands)[number]): CommandModule {
  return {
    command: usage,
    describe: summary,
    builder: async (program) => {
      const { builder } = await load()
      return typeof builder === 'function' ? await builder(program) : program.options(builder ?? {})
    },
    handler: async (typed) => await (await load()).handler(typed),
  }
}
