/** `vl-lst estimate`: what it says, and what it refuses. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeTinyT5 } from '../support/t5.js'
import { refusedHere, run, temporaryFolder } from './program.js'

const folder = temporaryFolder()

test('tells trained parameters with their share, and memory by part', async () => {
  const { code, out, err } = await run(['estimate', '--backbone', 't5-base', '--task', 'vqa'], folder)
  expect(code, err).toBe(0)
  expect(out).toMatch(/^lst on t5-base, vqa\n\ntrained parameters +17,967,384\n/)
  expect(out).toMatch(/of the model +240,926,232 +7\.4576 %/)
  expect(out).toContain('A step of 300 samples: texts of 20 tokens, answers of 5, pictures of 36 rows')
  expect(out).toMatch(/\nfrozen weights, mapped +892 MB\n/)
  expect(out).toMatch(/\nresident memory, at its peak +[\d,]+ MB\n$/)
})

test('--json has the same in numbers, whose parts add up; options of the method and sizes count', async () => {
  const words = [
    'estimate',
    '--backbone',
    'random:bart-base',
    '--task',
    'sst2',
    '--method',
    'adapter',
    '--json',
  ]
  const told = async (...more: readonly string[]) => {
    const { code, out, err } = await run([...words, ...more], folder)
    expect(code, err).toBe(0)
    return JSON.parse(out) as {
      readonly parameters: Readonly<Record<string, number>>
      readonly memory: Readonly<Record<string, number>>
    }
  }
  const { parameters, memory } = await told('--batch-size', '4', '--dropout', '0')
  const { trained, gradients, moments, activations, program, frozen, libraries } = memory
  expect(trained).toBe(4 * parameters.trained!)
  expect(moments).toBe(2 * trained!)
  expect(memory.private).toBe(trained! + gradients! + moments! + activations! + program!)
  expect(memory.resident).toBe(memory.private! + frozen! + libraries!)
  const smaller = await told(
    '--batch-size',
    '4',
    '--dropout',
    '0',
    '--reduction',
    '64',
    '--text-length',
    '64',
  )
  expect(smaller.parameters.trained).toBeLessThan(parameters.trained!)
  expect(smaller.memory.activations).toBeLessThan(activations!)
  const parted = await told('--batch-size', '4', '--dropout', '0', '--accumulate', '2')
  expect(parted.memory.activations).toBeLessThan(0.6 * activations!)
  expect(parted.memory.gradients).toBe(2 * gradients!)
  const factored = await told('--batch-size', '4', '--dropout', '0', '--optimizer', 'adafactor')
  expect(factored.memory.moments).toBeLessThan(0.2 * moments!)
})

test('reads the configuration of a folder, and needs no weights', async () => {
  writeTinyT5(join(folder, 'tiny'))
  const { code, out, err } = await run(
    ['estimate', '--backbone', 'tiny', '--task', 'cola', '--method', 'full', '--vocab-size', '61'],
    folder,
  )
  expect(code, err).toBe(0)
  expect(out).toMatch(/of the backbone alone +[\d,]+ +100\.0000 %/)
})

test.each([
  [
    'a backbone that nobody knows',
    ['--backbone', 't5-bass'],
    /unknown model size "t5-bass"; the nearest is "t5-base"/,
  ],
  [
    'rows of pictures of a text',
    ['--task', 'rte', '--positions', '3'],
    /--positions is for tasks about pictures/,
  ],
  [
    'labels without a classifier',
    ['--labels', '3'],
    /--labels is for a classifier: give --head classify too/,
  ],
  ['a classifier of T5', ['--task', 'rte', '--head', 'classify'], /--head classify is not built for/],
  [
    'a layer that is not there',
    ['--encoder-side-layers', '12'],
    /--encoder-side-layers: there is no layer 12/,
  ],
  ["another method's option", ['--method', 'full', '--rank', '3'], /--rank is an option of method lora/],
])('refuses %s in one line', async (_, words, message) => {
  const { code, err } = await refusedHere(['estimate', ...words])
  expect(code).toBe(2)
  expect(err).toMatch(message)
  expect(err.trimEnd().split('\n')).toHaveLength(1)
})
