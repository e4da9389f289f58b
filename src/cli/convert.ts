/** `vl-lst convert` */
import type { Argv, CommandModule } from 'yargs'
import { humanBytes } from '../base/index.js'
import { type Conversion, type ConvertOptions, convert } from '../weights/index.js'
import { StoppedRun } from './errors.js'
import { count } from './format.js'
import { type Typed, textOf } from './given.js'
import { progressOf } from './progress.js'
import { type Streams, standardStreams } from './streams.js'

export const convertCommand: Pick<CommandModule, 'builder' | 'handler'> = {
  builder: (program) => addOptions(program),
  handler: (typed) => runConvert(typed, standardStreams()),
}

function addOptions(program: Argv): Argv {
  return program
    .usage(
      'vl-lst convert FILE|FOLDER [options]\n\nWrites the weights of a PyTorch checkpoint (.bin, .pt, .pth, TorchScript), or ' +
        "those of a model's folder, as safetensors. Nothing of the checkpoint is run.",
    )
    .positional('input', {
      type: 'string',
      describe: "a file of PyTorch's, or a folder with pytorch_model.bin",
    })
    .option('output', {
      alias: 'o',
      type: 'string',
      requiresArg: true,
      describe: 'a .safetensors file, or a folder for it; default: beside what is converted',
    })
    .option('part', {
      type: 'string',
      requiresArg: true,
      describe: 'which set of tensors, where a file holds several: its keys, joined by dots',
    })
    .option('overwrite', { type: 'boolean', describe: 'replace what is there' })
    .example('vl-lst convert checkpoint.pth', 'checkpoint.safetensors, beside it')
    .example('vl-lst convert t5-base -o t5-base-safe', 'a model folder, with configuration and tokenizer')
    .example('vl-lst convert last.pt --part model', 'one of several sets of tensors')
}

function runConvert(typed: Typed, streams: Streams): void {
  const json = typed.json === true
  const progress = progressOf(typed, streams)
  let begun = false
  try {
    const result = convert(String(typed.input), {
      ...optionsOf(typed),
      onTensor(done, total) {
        begun = true
        progress.report({ kind: 'preparing', what: 'tensors', done, total })
      },
    })
    progress.end()
    for (const text of notesOf(result)) progress.report({ kind: 'note', text })
    streams.out.write(json ? `${JSON.stringify({ kind: 'result', ...result })}\n` : summaryOf(result))
  } catch (error) {
    progress.end()
    throw begun ? new StoppedRun(error) : error
  }
}

function optionsOf(typed: Typed): ConvertOptions {
  const output = textOf(typed, 'output', 'a file or folder')
  const part = textOf(typed, 'part', 'the name of a part')
  return {
    ...(output === undefined ? {} : { output }),
    ...(part === undefined ? {} : { part }),
    overwrite: typed.overwrite === true,
  }
}

const mostNamed = 5

function notesOf({ part, tied, leftOut }: Conversion): readonly string[] {
  const names = leftOut.slice(0, mostNamed).join(', ')
  const more = leftOut.length > mostNamed ? ` and ${leftOut.length - mostNamed} more` : ''
  return [
    ...(part === '' ? [] : [`from its part ${JSON.stringify(part)}`]),
    ...Object.entries(tied).map(([name, kept]) => `${name} is tied to ${kept}, which alone is kept`),
    ...(leftOut.length === 0 ? [] : [`no tensors, left out: ${names}${more}`]),
  ]
}

const summaryOf = ({ output, tensors, bytes }: Conversion) =>
  `${output}: ${count(tensors)} ${tensors === 1 ? 'tensor' : 'tensors'}, ${humanBytes(bytes)}\n`
