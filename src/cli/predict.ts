/** `vl-lst predict` */
import type { Argv, CommandModule } from 'yargs'
import { UserError } from '../base/index.js'
import { findImages, type Predicted, predict } from '../training/index.js'
import { cacheFolder } from '../weights/index.js'
import { checkpointOf, checkpointOption } from './checkpoints.js'
import { exitCodes } from './errors.js'
import { type Typed, textOf, threadsOf } from './given.js'
import { type Streams, standardStreams } from './streams.js'

export const predictCommand: Pick<CommandModule, 'builder' | 'handler'> = {
  builder: (program) => addOptions(program),
  handler: async (typed) => await runPredict(typed, standardStreams()),
}

function addOptions(program: Argv): Argv {
  return program
    .usage(
      'vl-lst predict RUN --image FILE|DIR --question TEXT [options]\n\nAnswers a question about a picture, or about ' +
        'every picture of a folder. The data that the run was trained on is not needed.',
    )
    .positional('run', { type: 'string', describe: 'folder of a run' })
    .option('image', {
      type: 'string',
      requiresArg: true,
      describe: 'a picture, or a folder of pictures: PNG, JPEG, WebP, GIF, AVIF, TIFF or SVG',
    })
    .option('question', { type: 'string', requiresArg: true, describe: 'what to ask about each picture' })
    .option('checkpoint', checkpointOption)
    .example("vl-lst predict runs/NAME --image kitchen.jpg --question 'What is this?'", 'one picture')
    .example(
      "vl-lst predict runs/NAME --image holidays --question 'Is it raining?' --json",
      'a folder of them',
    )
}

async function runPredict(typed: Typed, { out, err }: Streams): Promise<void> {
  const image = textOf(typed, 'image', 'a picture, or a folder of pictures')
  const question = textOf(typed, 'question', 'a question')
  if (image === undefined) throw new UserError('--image is missing: name a picture, or a folder of pictures')
  if (question === undefined) throw new UserError('--question is missing: say what to ask about the picture')
  const [images, threads] = [findImages(image), threadsOf(typed)]
  const predictions = predict(String(typed.run), {
    ...{ images, question, ...checkpointOf(typed) },
    ...(threads === undefined ? {} : { threads }),
    cache: cacheFolder(textOf(typed, 'cache', 'a path')),
    onNote: (text) => typed.quiet || typed.json || err.write(`${text}\n`),
  })
  let failed = false
  for await (const predicted of predictions) {
    failed ||= 'error' in predicted
    if (typed.json) out.write(`${JSON.stringify({ question, ...predicted })}\n`)
    else if ('error' in predicted) err.write(`vl-lst: ${complaint(predicted)}\n`)
    else out.write(images.length === 1 && images[0] === image ? `${predicted.answer}\n` : line(predicted))
  }
  process.exitCode = failed ? exitCodes.failed : exitCodes.done
}

function line({ image, answer }: Extract<Predicted, { readonly answer: string }>): string {
  return `${image}: ${answer}\n`
}

/** Errors about a data set's pictures need not say which one they mean. */
function complaint({ image, error }: Extract<Predicted, { readonly error: string }>): string {
  return error.includes(image) ? error : `${image}: ${error}`
}
