/** `vl-lst merge` */
import type { Argv, CommandModule } from 'yargs'
import { UserError } from '../base/index.js'
import { type Merged, merge } from '../training/index.js'
import { checkpointOf, checkpointOption } from './checkpoints.js'
import { shellCommand } from './format.js'
import { cacheOf, type Typed, textOf } from './given.js'
import { progressOf } from './progress.js'
import { type Streams, standardStreams } from './streams.js'

export const mergeCommand: Pick<CommandModule, 'builder' | 'handler'> = {
  builder: (program) => addOptions(program),
  handler: (typed) => runMerge(typed, standardStreams()),
}

function addOptions(program: Argv): Argv {
  return program
    .usage(
      'vl-lst merge RUN -o DIR [options]\n\nAdds the updates that LoRA trained into the backbone, and writes a plain ' +
        "model in Hugging Face's layout. Refused where something that was trained would be lost.",
    )
    .positional('run', { type: 'string', describe: 'folder of a run' })
    .option('output', {
      alias: 'o',
      type: 'string',
      requiresArg: true,
      describe: 'folder to write the model into',
    })
    .option('checkpoint', checkpointOption)
    .example('vl-lst merge runs/NAME -o merged', 'the best weights, as a model folder')
    .example('vl-lst train --method lora --lora-bias none --task cola …', 'a run that can be merged')
}

function runMerge(typed: Typed, streams: Streams): void {
  const output = textOf(typed, 'output', 'a folder')
  if (output === undefined)
    throw new UserError('--output is missing: name the folder to write, such as -o merged')
  const progress = progressOf(typed, streams)
  try {
    const merged = merge(String(typed.run), output, {
      ...checkpointOf(typed),
      cache: cacheOf(typed),
      onNote: (text) => progress.report({ kind: 'note', text }),
    })
    progress.end()
    streams.out.write(typed.json ? `${JSON.stringify({ kind: 'result', ...merged })}\n` : summary(merged))
    if (!typed.json && !typed.quiet)
      streams.err.write(`use it:  ${shellCommand(['vl-lst', 'train', '--backbone', merged.output])} …\n`)
  } finally {
    progress.end()
  }
}

const summary = ({ output, step, layers, backbone }: Merged) =>
  `${output}: ${backbone} with the updates of ${layers} layers, of step ${step}\n`
