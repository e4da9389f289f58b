#!/usr/bin/env node
/** The program `vl-lst`. */
import { describeError } from './errors.js'
import { runProgram } from './program.js'
import { forgiveReaders, standardStreams } from './streams.js'

const words = process.argv.slice(2)

function fail(error: unknown): void {
  const { text, exitCode } = describeError(error, { debug: words.includes('--debug') })
  process.stderr.write(text)
  process.exitCode = exitCode
}

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error) => {
    fail(error)
    process.exit()
  })
}

forgiveReaders(standardStreams())
try {
  await runProgram(words)
} catch (error) {
  fail(error)
}
