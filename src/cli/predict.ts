/** `vl-lst predict` */
import type { Argv, CommandModule } from 'yargs'
import { findImages, type Predicted, predict } from '../training/index.js'
import { checkpointOf, checkpointOption } from './checkpoints.js'
import { deviceOption, runtimeOf } from './device.js'
import { exitCodes } from './errors.js'
import { cacheOf, type Typed, textOf, threadsOf } from './given.js'
import { type Streams, standardStreams } from './streams.js'

export const predictCommand: Pick<CommandModule, 'builder' | 'handler'> = {
  builder: (program) => addOptions(program),
  handler: async (typed) => await runPredict(typed, standardStreams()),
}

function addOptions(program: Argv): Argv {
  return program
    .usage(
      'vl-lst predict RUN --image FILE|DIR --question TEXT [options]\nvl-lst predict RUN --text TEXT [--text TEXT] ' +
        '[options]\n\nAnswers a question about a picture, or about every picture of a folder; or says what a text is, ' +
        'where the run was trained on texts. The data that it was trained on is not needed.',
    )
    .positional('run', { type: 'string', describe: 'folder of a run' })
    .option('image', {
      type: 'string',
      requiresArg: true,
      describe: 'a picture, or a folder of pictures: PNG, JPEG, WebP, GIF, AVIF, TIFF or SVG',
    })
    .option('question', { type: 'string', requiresArg: true, describe: 'what to ask about each picture' })
    .option('text', {
      type: 'string',
      array: true,
      requiresArg: true,
      describe: 'a text; once for each that the task wants, in its order',
    })
    .option('checkpoint', checkpointOption)
    .options(deviceOption)
    .example("vl-lst predict runs/NAME --image kitchen.jpg --question 'What is this?'", 'one picture')
    .example(
      "vl-lst predict runs/NAME --image holidays --question 'Is it raining?' --json",
      'a folder of them',
    )
    .example("vl-lst predict runs/NAME --text 'They drank the pub.'", 'one text')
    .example("vl-lst predict runs/NAME --text 'It rains.' --text 'It is wet.'", 'a pair of texts')
}

async function runPredict(typed: Typed, { out, err }: Streams): Promise<void> {
  const image = textOf(typed, 'image', 'a picture, or a folder of pictures')
  const question = textOf(typed, 'question', 'a question')
  const texts = [typed.text ?? []].flat().map(String)
  const [images, threads] = [image === undefined ? [] : findImages(image), threadsOf(typed)]
  const onNote = (text: string) => typed.quiet || typed.json || err.write(`${text}\n`)
  const predictions = predict(String(typed.run), {
    asked: { images, texts, ...(question === undefined ? {} : { question }) },
    ...checkpointOf(typed),
    ...(threads === undefined ? {} : { threads }),
    cache: cacheOf(typed),
    runtime: runtimeOf(typed, onNote),
    onNote,
  })
  let failed = false
  for await (const predicted of predictions) {
    failed ||= 'error' in predicted
    const asked = { question, ...(texts.length > 0 ? { text: texts } : {}) }
    if (typed.json) out.write(`${JSON.stringify({ ...asked, ...predicted })}\n`)
    else if ('error' in predicted) err.write(`vl-lst: ${complaint(predicted)}\n`)
    else out.write(predicted.image === image ? `${predicted.answer}\n` : line(predicted))
  }
  process.exitCode = failed ? exitCodes.failed : exitCodes.done
}

function line({ image, answer }: Extract<Predicted, { readonly answer: string }>): string {
  return `${image}: ${answer}\n`
}

/** Errors about a data set's pictures need not say which one they mean. */
function complaint({ image, error }: Extract<Predicted, { readonly error: string }>): string {
  return image === undefined || error.includes(image) ? error : `${image}: ${error}`
}
