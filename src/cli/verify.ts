/** `vl-lst verify` */
import { basename } from 'node:path'
import type { Argv, CommandModule } from 'yargs'
import { UserError } from '../base/index.js'
import { type CaseResult, readCase, type VerifyOptions, verifyCase } from '../verify/index.js'
import { exitCodes } from './errors.js'
import { cacheOf, type Typed, textOf, threadsOf } from './given.js'
import { type Streams, standardStreams } from './streams.js'

export const verifyCommand: CommandModule = {
  command: 'verify <cases..>',
  describe: "compare with recorded cases of the paper's code",
  builder: (program) => addOptions(program),
  handler: async (typed) => await runVerify(typed, standardStreams()),
}

function addOptions(program: Argv): Argv {
  return program
    .usage(
      'vl-lst verify CASE… [options]\n\nComputes recorded cases and compares every value with what the reference gave.',
    )
    .positional('cases', { type: 'string', array: true, describe: 'folders with a case.json' })
    .option('dump', {
      type: 'string',
      requiresArg: true,
      describe: 'folder for everything computed, as GROUP/NAME.safetensors, whether or not it is as recorded',
    })
    .example('vl-lst verify parity/vl/t5-lst', 'one case')
    .example('vl-lst verify --dump computed parity/*/*', 'all of them, and what was computed')
}

async function runVerify(typed: Typed, { out, err }: Streams): Promise<void> {
  const cases = pathsOf(typed).map(readCase)
  const options = optionsOf(typed)
  const counts: Record<CaseResult['outcome'], number> = { passed: 0, failed: 0, 'not supported': 0 }
  for (const recorded of cases) {
    const result = await verifyCase(recorded, options)
    counts[result.outcome]++
    out.write(typed.json ? jsonLine(result) : textLine(result))
    if (typed.debug) err.write(stackOf(result))
  }
  if (!typed.json) {
    const summary = Object.entries(counts).map(([outcome, count]) => `${count} ${outcome}`)
    out.write(`${summary.join(', ')}\n`)
  }
  process.exitCode = counts.failed > 0 ? exitCodes.failed : exitCodes.done
}

/** What stands beside cases in their groups: weights that they share. */
const sharedWeights = '_shared'

/** A shell's `*` may bring the shared weights along. */
function pathsOf({ cases }: Typed): readonly string[] {
  const paths = [cases].flat().map(String)
  const named = paths.filter((path) => basename(path) !== sharedWeights)
  if (named.length === 0)
    throw new UserError(`${paths.join(' ')} holds no case: name folders with a case.json`)
  return named
}

function optionsOf(typed: Typed): VerifyOptions {
  const [dump, threads] = [textOf(typed, 'dump', 'a folder'), threadsOf(typed)]
  return {
    ...(dump === undefined ? {} : { dump }),
    ...(threads === undefined ? {} : { threads }),
    cache: cacheOf(typed),
  }
}

const widestOutcome = 'not supported'.length

function textLine(result: CaseResult): string {
  return `${result.outcome.padEnd(widestOutcome)}  ${result.name}${details(result)}\n`
}

function details(result: CaseResult): string {
  if (result.outcome === 'not supported') return `: ${result.what}`
  if (result.outcome === 'passed') {
    return `  (${result.values} values${result.precision === 'float64' ? ', in float64' : ''})`
  }
  const [first, ...more] = result.faults
  return `: ${first}${more.length > 0 ? ` (and ${more.length} more)` : ''}`
}

function jsonLine(result: CaseResult): string {
  const { error: _, name, ...rest } = { error: undefined, ...result }
  return `${JSON.stringify({ case: name, ...rest })}\n`
}

function stackOf(result: CaseResult): string {
  return result.outcome === 'failed' && result.error instanceof Error ? `${result.error.stack}\n` : ''
}
