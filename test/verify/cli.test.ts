import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import yargs from 'yargs'
import { UserError } from '../../src/base/index.js'
import { globalOptions } from '../../src/cli/globals.js'
import { verifyCommand } from '../../src/cli/verify.js'
import { temporaryFolder } from '../support/weights.js'
import { changed, copied, zeroed } from './cases.js'

/** What a call prints to standard output, and its exit code. */
async function call(...words: readonly string[]) {
  const printed: string[] = []
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed.push(String(text))
    return true
  })
  process.exitCode = undefined
  try {
    await yargs(['verify', ...words])
      .parserConfiguration({ 'parse-numbers': false })
      .options(globalOptions)
      .command(verifyCommand)
      .fail((message, error) => {
        throw error ?? new UserError(message)
      })
      .parseAsync()
    return { lines: printed.join('').trimEnd().split('\n'), exitCode: process.exitCode }
  } finally {
    write.mockRestore()
  }
}

afterEach(() => {
  process.exitCode = undefined
  for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners('error')
})

const spoiled = () =>
  changed('vl/norms', { tensor: (tensor) => (tensor.name === 'want/rms' ? zeroed(tensor) : tensor) })
const foreign = () => changed('vl/t5-lst', { json: ({ model }) => (model.model_type = 'gpt2') })

test('one line a case, then the counts', async () => {
  const { lines, exitCode } = await call(copied('vl/norms'), spoiled(), foreign())
  expect(lines).toEqual([
    'passed         vl/norms  (35 values)',
    expect.stringMatching(
      /^failed {9}vl\/norms: want\/rms is off by \S+ at \[\d+, \d+\]: got .+, want 0, allowed 1\.0e-9$/,
    ),
    'not supported  vl/t5-lst: model: vl/t5-lst: "model_type" is "gpt2": take a model of type t5 or bart',
    '1 passed, 1 failed, 1 not supported',
  ])
  expect(exitCode).toBe(1)
})

test('what is not supported is no failure; shared weights beside the cases are no case', async () => {
  const { lines, exitCode } = await call(foreign(), copied('vl/_shared'))
  expect(lines.at(-1)).toBe('0 passed, 0 failed, 1 not supported')
  expect(exitCode).toBe(0)
})

test('--json prints one object a line and nothing else', async () => {
  const { lines } = await call('--json', copied('vl/norms'), spoiled(), foreign())
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { case: 'vl/norms', outcome: 'passed', values: 35 },
    { case: 'vl/norms', outcome: 'failed', values: 35, faults: [expect.stringContaining('want/rms')] },
    {
      case: 'vl/t5-lst',
      outcome: 'not supported',
      what: 'model: vl/t5-lst: "model_type" is "gpt2": take a model of type t5 or bart',
    },
  ])
})

test('--dump writes by group and name, and nothing for cases without tensors', async () => {
  const folder = temporaryFolder()
  await call('--dump', folder, spoiled(), copied('vl-tasks/text-vqa-normalize'))
  expect(existsSync(join(folder, 'vl/norms.safetensors'))).toBe(true)
  expect(existsSync(join(folder, 'vl-tasks'))).toBe(false)
})

test.each([
  ['a folder without case', [copied('vl')], 'is not a recorded case'],
  ['one of several', [copied('vl/norms'), copied('vl')], 'is not a recorded case'],
  ['shared weights alone', [copied('vl/_shared')], 'holds no case'],
  ['no threads', [copied('vl/norms'), '--threads', 'many'], '--threads many'],
  ['no case', [], 'Not enough non-option arguments'],
])('%s is refused before anything is computed', async (_, words, message) => {
  await expect(call(...words)).rejects.toThrow(UserError)
  await expect(call(...words)).rejects.toThrow(message)
})

/** As `npm test` builds it. */
const program = join(import.meta.dirname, '../../dist/src/cli/main.js')

test.skipIf(!existsSync(program))('a command line of hundreds of cases', () => {
  const words = [program, 'verify', ...new Array<string>(300).fill(copied('vl/norms'))]
  const printed = execFileSync(process.execPath, words, { encoding: 'utf8' })
  expect(printed).toContain('300 passed, 0 failed, 0 not supported')
})
