/** `vl-lst evaluate` */
import type { Argv, CommandModule } from 'yargs'
import { evaluate } from '../training/index.js'
import { checkpointOf, checkpointOption } from './checkpoints.js'
import { deviceOption, runtimeOf } from './device.js'
import { StoppedRun } from './errors.js'
import { cacheOf, type Typed, textOf, threadsOf } from './given.js'
import { progressOf } from './progress.js'
import { type Streams, standardStreams } from './streams.js'

export const evaluateCommand: Pick<CommandModule, 'builder' | 'handler'> = {
  builder: (program) => addOptions(program),
  handler: async (typed) => await runEvaluate(typed, standardStreams()),
}

function addOptions(program: Argv): Argv {
  return program
    .usage(
      'vl-lst evaluate RUN [options]\n\nScores a split of the data set that a run was trained on, and writes the answers ' +
        'to predictions/SPLIT.json in the run.',
    )
    .positional('run', { type: 'string', describe: 'folder of a run' })
    .option('split', {
      type: 'string',
      requiresArg: true,
      describe: 'which part of the data set; default: test, or validation where there is no test',
    })
    .option('checkpoint', checkpointOption)
    .options(deviceOption)
    .example('vl-lst evaluate runs/NAME', 'the test questions, with the best weights')
    .example(
      'vl-lst evaluate runs/NAME --split validation --checkpoint last',
      'other questions, other weights',
    )
}

async function runEvaluate(typed: Typed, streams: Streams): Promise<void> {
  const progress = progressOf(typed, streams)
  const [split, threads] = [textOf(typed, 'split', 'the name of a split'), threadsOf(typed)]
  const onNote = (text: string) => progress.report({ kind: 'note', text })
  let begun = false
  try {
    const result = await evaluate(String(typed.run), {
      ...(split === undefined ? {} : { split }),
      ...(threads === undefined ? {} : { threads }),
      ...checkpointOf(typed),
      cache: cacheOf(typed),
      runtime: runtimeOf(typed, onNote),
      onNote,
      report: (event) => {
        begun = true
        progress.report(event)
      },
    })
    progress.end()
    progress.finish(result, [`answers:  ${result.predictions}`])
  } catch (error) {
    progress.end()
    throw begun ? new StoppedRun(error) : error
  }
}
