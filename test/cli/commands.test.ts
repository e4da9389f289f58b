import { describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { refusal, run } from './program.js'

const commands = [
  'train',
  'evaluate',
  'predict',
  'caption-eval',
  'estimate',
  'prune',
  'merge',
  'convert',
  'verify',
  'doctor',
]

test('--version is the one of package.json', async () => {
  expect(await run(['--version'])).toEqual({ code: 0, out: `${packageJson.version}\n`, err: '' })
})

test('--help names every command and shows an example', async () => {
  const { code, out, err } = await run(['--help'])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  for (const command of commands) expect(out).toContain(`vl-lst ${command}`)
  expect(out).toMatch(/Examples:\n {2}vl-lst train /)
})

describe.each(commands)('%s --help', (command) => {
  test('shows examples and the options that every command has', async () => {
    const { code, out, err } = await run([command, '--help'])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toMatch(new RegExp(`Examples:\n {2}vl-lst ${command} `))
    for (const option of ['json', 'quiet', 'debug', 'config', 'threads', 'seed', 'cache'])
      expect(out).toContain(`--${option} `)
  })
})

test('train --help groups the options of each method under its name', async () => {
  const { out } = await run(['train', '--help'])
  expect(out).toMatch(/Method adapter, lst:\n {2}--reduction /)
  expect(out).toMatch(/Method adapter, bitfit, full, lora:\n {2}--encoder-trainable-layers /)
  expect(out).toMatch(/Method lora:\n {2}--rank /)
})

test('completion prints a script, and the script is told commands and options', async () => {
  const script = await run(['completion'])
  expect(script.code).toBe(0)
  expect(script.out).toContain('--get-yargs-completions')
  expect((await run(['--get-yargs-completions', 'vl-lst', 'tr'])).out).toContain('train\n')
  expect((await run(['--get-yargs-completions', 'vl-lst', 'train', '--ba'])).out).toContain('--batch-size\n')
})

describe('what no command knows is refused with the nearest name', () => {
  test.each([
    [
      ['trian'],
      'unknown command "trian"; the nearest is "train" (all: train, evaluate, predict, caption-eval, estimate, prune, merge, convert, verify, doctor, completion)',
    ],
    [
      ['frobnicate'],
      'unknown command "frobnicate" (all: train, evaluate, predict, caption-eval, estimate, prune, merge, convert, verify, doctor, completion)',
    ],
    [
      [],
      'no command is given: type one of train, evaluate, predict, caption-eval, estimate, prune, merge, convert, verify, doctor, completion (see --help)',
    ],
    [
      ['--json'],
      'no command is given: type one of train, evaluate, predict, caption-eval, estimate, prune, merge, convert, verify, doctor, completion (see --help)',
    ],
    [
      ['train', '--batchsize', '3'],
      'unknown option --batchsize; the nearest is --batch-size (vl-lst train --help lists all of them)',
    ],
    [
      ['train', '--no-tapnorm'],
      'unknown option --tapnorm; the nearest is --tap-norm (vl-lst train --help lists all of them)',
    ],
    [['train', '-b', '3'], 'unknown option -b (vl-lst train --help lists all of them)'],
    [['train', 'vqa'], 'train takes no "vqa": leave it out, or give it to an option (--help)'],
    [
      ['verify', 'x', '--dumb', 'y'],
      'unknown option --dumb; the nearest is --dump (vl-lst verify --help lists all of them)',
    ],
  ] as const)('%j', async (words, text) => {
    const ended = await run(words)
    if (typeof text === 'string') expect(ended).toEqual(refusal(text))
    else {
      expect(ended.code).toBe(2)
      expect(ended.err.replace('vl-lst: ', '')).toMatch(text)
    }
  })
})
