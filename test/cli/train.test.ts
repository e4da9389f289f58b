/** Trainings of a few steps, from the command line to the run folder. */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { refusal, run, smallEasyVqa, start, t5Mini, temporaryFolder } from './program.js'

const folder = temporaryFolder()
beforeAll(() => smallEasyVqa(join(folder, 'easy-vqa')))

const train = [
  'train',
  '--backbone',
  t5Mini,
  '--dataset',
  'easy-vqa',
  '--vision',
  'patches',
  '--batch-size',
  '4',
  '--threads',
  '1',
]

const lines = (text: string) => text.trimEnd().split('\n')
const weights = (output: string) =>
  readFileSync(join(folder, output, 'last', 'adapter_model.safetensors')).toString('base64')

test('a run ends with a table of scores on standard output and all its files', async () => {
  const { code, out, err } = await run([...train, '--max-steps', '2', '--output', 'two'], folder)
  expect(code, err).toBe(0)
  expect(out).toMatch(/^validation\ntype +count +score\noverall +\d+ +\d+\.\d\d\n/)
  expect(out).toMatch(
    /\ntest\ntype +count +score\noverall +\d+ +\d+\.\d\d\n(?:(?:yes\/no|shape|colour) +\d+ +\d+\.\d\d\n){3}$/,
  )
  expect(err).toMatch(/vqa by lst: [\d,]+ of [\d,]+ \(\d+\.\d %\) parameters train\n/)
  expect(err).toMatch(/step 2\/2 · loss \d+\.\d+ · .* samples\/s · .* left · peak \d+ MB\n/)
  expect(err).not.toContain('\u001b')
  expect(readdirSync(join(folder, 'two')).sort()).toEqual(
    ['best', 'checkpoints', 'config.yaml', 'last', 'metrics.jsonl', 'predictions', 'report.md'].sort(),
  )
  expect(readdirSync(join(folder, 'two', 'checkpoints', 'step-000002')).sort()).toEqual([
    'adapter_config.json',
    'adapter_model.safetensors',
    'optimizer.safetensors',
    'state.json',
  ])
  expect(readdirSync(join(folder, 'two', 'predictions')).sort()).toEqual(['test.json', 'validation.json'])
  const metrics = lines(readFileSync(join(folder, 'two', 'metrics.jsonl'), 'utf8')).map((line) =>
    JSON.parse(line),
  )
  expect(metrics.map(({ step }) => step)).toEqual([1, 2])
})

test('the commands that it names at the end work', async () => {
  const { code, out } = await run(
    ['train', '--config', 'two/config.yaml', '--seed', '3', '--print-config', '--json'],
    folder,
  )
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ seed: 3, 'max-steps': 2, 'batch-size': 4, backbone: t5Mini })
})

test('--json prints one object a line, and nothing else', async () => {
  const { code, out, err } = await run([...train, '--max-steps', '2', '--output', 'json', '--json'], folder)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  const events = lines(out).map((line) => JSON.parse(line))
  const kinds = events.map(({ kind }) => kind)
  expect(kinds[0]).toBe('start')
  expect(kinds.filter((kind) => kind === 'step')).toHaveLength(2)
  expect(events.at(-1)).toMatchObject({ kind: 'result', outcome: 'finished', step: 2, folder: 'json' })
})

test('--quiet prints the tables alone; without --output the run goes into runs/DATE-TASK-METHOD', async () => {
  const { code, out, err } = await run([...train, '--max-steps', '1', '--quiet'], folder)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toMatch(/^validation\n/)
  expect(readdirSync(join(folder, 'runs'))).toEqual([expect.stringMatching(/^\d{8}-\d{6}-vqa-lst$/)])
})

test('a loss that is no number ends the run with exit code 1', async () => {
  const rate = ['--learning-rate', '1e20', '--warmup-ratio', '0']
  const { code, out, err } = await run(
    [...train, ...rate, '--max-steps', '4', '--output', 'nan', '--quiet'],
    folder,
  )
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toMatch(/^vl-lst: the loss became NaN at step \d: lower --learning-rate.*\n$/)
})

describe('an interrupted run', () => {
  const long = ['--max-steps', '40', '--eval-every', '1000', '--dropout', '0.1']
  const steps = (output: string) =>
    lines(readFileSync(join(folder, output, 'metrics.jsonl'), 'utf8')).map((line) => JSON.parse(line).step)

  beforeAll(async () => {
    const whole = await run([...train, ...long, '--output', 'whole', '--quiet'], folder)
    expect(whole.code, whole.err).toBe(0)
  })

  test('is saved and ends with 130; --resume goes on as if nothing had happened', async () => {
    const { child, ended, shown } = start([...train, ...long, '--output', 'stopped'], folder)
    await shown(/step 1\/40/)
    child.kill('SIGINT')
    child.kill('SIGINT') // npx passes the terminal's signal on
    const { code, out, err } = await ended
    expect({ code, out }, err).toEqual({ code: 130, out: '' })
    expect(lines(err).filter((line) => line === 'saving…')).toHaveLength(1)
    expect(lines(err).at(-1)).toMatch(
      /^vl-lst: interrupted after step \d+, state saved: go on with vl-lst train --resume stopped$/,
    )
    expect(steps('stopped').length).toBeLessThan(40)
    const resumed = await run(['train', '--resume', 'stopped'], folder)
    expect(resumed.code, resumed.err).toBe(0)
    expect(resumed.err).toMatch(/going on after step \d+ in stopped\n/)
    expect(steps('stopped')).toEqual(Array.from({ length: 40 }, (_, index) => index + 1))
    expect(weights('stopped')).toBe(weights('whole'))
    expect(resumed.out).toBe((await run(['train', '--resume', 'whole'], folder)).out)
  })

  test('is saved too when the reader of its output leaves', async () => {
    const { child, ended, shown } = start([...train, ...long, '--output', 'unread', '--json'], folder)
    await shown(/"kind":"step"/)
    child.stdout?.destroy()
    const { code, err } = await ended
    expect(code, err).toBe(130)
    expect(existsSync(realpathSync(join(folder, 'unread', 'last')))).toBe(true)
  })
})

test('a run folder is one run’s; one that was killed holds nothing', async () => {
  const { child, ended, shown } = start([...train, '--epochs', '300', '--output', 'held'], folder)
  await shown(/step 1\/6,900/)
  const second = await run(['train', '--resume', 'held'], folder)
  expect({ ...second, err: '' }).toEqual({ code: 2, out: '', err: '' })
  expect(second.err).toMatch(
    /^vl-lst: held is held by another run \(process \d+ on .+\): wait for its end, or interrupt it\n$/,
  )
  child.kill('SIGINT')
  expect((await ended).code).toBe(130)
  expect(readdirSync(join(folder, 'held'))).not.toContain('lock')
  const again = start(['train', '--resume', 'held'], folder)
  await again.shown(/going on after step/)
  again.child.kill('SIGKILL')
  await again.ended
  expect(readdirSync(join(folder, 'held'))).toContain('lock')
  const other = await run(['train', '--resume', 'held', '--task', 'cola'], folder)
  expect(other).toEqual(
    refusal(
      '--task cola: the run in held is of task vqa: leave the option out to go on with it, or start another run without --resume',
    ),
  )
  const last = start(['train', '--resume', 'held'], folder)
  await last.shown(/going on after step/)
  last.child.kill('SIGINT')
  expect((await last.ended).code).toBe(130)
})

test('--resume goes on with a run of full fine-tuning', async () => {
  const first = await run(
    [...train, '--method', 'full', '--max-steps', '1', '--output', 'full', '--quiet'],
    folder,
  )
  expect(first.code, first.err).toBe(0)
  expect(readdirSync(join(folder, 'full', 'last'))).toContain('model.safetensors')
  const { code, out, err } = await run(['train', '--resume', 'full', '--quiet'], folder)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toBe(first.out)
})
