/** Values that an option can't have: one line that names the option, before anything is read. */
import { expect, test } from 'vitest'
import { refusal, refusedHere, run } from './program.js'

test.each([
  [['--batch-size', 'abc'], '--batch-size abc: give a whole number from 1'],
  [['--batch-size', '1.5'], '--batch-size 1.5: give a whole number from 1'],
  [['--batch-size', '0'], '--batch-size 0: give a whole number from 1'],
  [['--batch-size'], 'option --batch-size needs a value: give one after it'],
  [['--batch-size='], '--batch-size has no value: give a whole number from 1'],
  [['--no-batch-size'], '--batch-size false: give a whole number from 1'],
  [['--learning-rate', '-1'], '--learning-rate -1: give a number above 0'],
  [['--dropout', '1'], '--dropout 1: give a number from 0 to below 1'],
  [['--warmup-ratio', '2'], '--warmup-ratio 2: give a number from 0 to 1'],
  [['--max-steps', 'all'], '--max-steps all: give a whole number from 1, or none'],
  [['--eval-every', 'hour'], '--eval-every hour: give a number of steps from 1, or epoch'],
  [['--seed', '-1'], '--seed -1: give a whole number from 0'],
  [['--threads', '0'], '--threads 0: give a whole number from 1, or none'],
  [['--variant', 'audio'], '--variant audio: give one of vision, text'],
  [['--downsample', 'maybe'], '--downsample maybe: give on or off'],
  [['--reduction', 'abc'], '--reduction abc: give a whole number from 1'],
  [['--tap-norm', 'maybe'], '--tap-norm maybe: give on or off'],
  [
    ['--gates', 'shut'],
    '--gates shut: give one of learnable, one, none, schedule-linear, schedule-hyperbolic',
  ],
  [
    ['--encoder-side-layers', '0,x'],
    '--encoder-side-layers 0,x: give layer numbers from 0, such as 0,2,4, or none, or all',
  ],
  [['--output='], '--output has no value: give a path'],
  [
    ['--task', 'vqq'],
    'unknown task "vqq"; the nearest is "vqa" (all: vqa, cola, sst2, mrpc, qqp, stsb, mnli, qnli, rte)',
  ],
  [
    ['--method', 'lsd'],
    'unknown method "lsd"; the nearest is "lst" (all: adapter, bitfit, full, lora, lst, prompt)',
  ],
  [
    ['--optimizer', 'adam'],
    'unknown optimizer "adam"; the nearest is "adamw" (all: adamw, adamw-torch, adafactor)',
  ],
  [
    ['--schedule', 'linaer'],
    'unknown schedule "linaer"; the nearest is "linear" (all: linear, constant, constant_with_warmup, cosine, polynomial)',
  ],
  [
    ['--method', 'full', '--tap-norm'],
    '--tap-norm is an option of method lst, not of full: leave it out or use --method lst',
  ],
  [
    ['--encoder-trainable-layers', 'none'],
    '--encoder-trainable-layers is an option of method adapter or bitfit or full or lora, not of lst: ' +
      'leave it out or use --method adapter or bitfit or full or lora',
  ],
  [
    ['--resume', 'a', '--output', 'b'],
    '--output names a new run and --resume an old one: leave one of them out',
  ],
  [['--resume', 'nowhere'], '--resume nowhere: no config.yaml is there: name the folder of a run'],
])('train %j', async (words, text) => {
  expect(await refusedHere(['train', ...words])).toEqual(refusal(text))
})

test('a refusal is one line on standard error and exit code 2', async () => {
  const expected = refusal('--batch-size abc: give a whole number from 1')
  expect(await run(['train', '--batch-size', 'abc'])).toEqual(expected)
})

test('of an option that is given twice, the last one counts', async () => {
  const { out } = await run(['train', '--print-config', '--json', '--batch-size', '3', '--batch-size', '5'])
  expect(JSON.parse(out)).toMatchObject({ 'batch-size': 5 })
})

test('--debug adds the stack, and only --debug', async () => {
  const { err } = await run(['train', '--batch-size', 'abc', '--debug'])
  expect(err).toMatch(/^vl-lst: --batch-size abc: .*\nUserError: .*\n {4}at /)
})
