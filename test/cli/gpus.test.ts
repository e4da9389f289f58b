/** `vl-lst train --gpus` with a process a device, on SwiftShader: one GPU, in software. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { childrenOf } from '../support/processes.js'
import { metricsOf, type World, writeWorld } from '../support/runs.js'
import { hasSwiftShader, swiftShaderEnvironment } from '../support/swiftShader.js'
import { start, temporaryFolder } from './program.js'
import { stepsOf, until } from './workerRuns.js'

/** SwiftShader compiles every shader on the processor, in each worker. */
const longestMs = 600_000

const folder = temporaryFolder()
let world: World
beforeAll(async () => {
  world = await writeWorld(join(folder, 'world'))
})

/** Three steps of four samples. */
const started = (output: string, ...words: readonly string[]) =>
  start(
    [
      ...['train', '--backbone', world.backbone, '--dataset', world.dataset, '--vision', 'patches'],
      ...['--batch-size', '4', '--max-steps', '3', '--dropout', '0.1', '--seed', '5', '--quiet'],
      ...['--learning-rate', '1e-2', '--warmup-ratio', '0', '--output', output, ...words],
    ],
    folder,
    swiftShaderEnvironment,
    longestMs,
  )

/** What the processor's run says of a step, a run on devices says to 1e-4. */
function expectAlike(output: string): void {
  const [right, got] = ['cpu', output].map((name) => metricsOf(join(folder, name)))
  expect(got).toHaveLength(right!.length)
  for (const [i, step] of right!.entries())
    for (const [name, value] of Object.entries(step) as [string, number][])
      expect(Math.abs(Number(got![i]![name]) - value), `${name} of ${i}`).toBeLessThanOrEqual(
        1e-4 * Math.abs(value),
      )
}

const losses = (output: string) => metricsOf(join(folder, output)).map(({ loss }) => loss)

describe.skipIf(!hasSwiftShader)('on SwiftShader', () => {
  beforeAll(async () => {
    const { code, err } = await started('cpu').ended
    expect({ code, err }).toEqual({ code: 0, err: '' })
  })

  test(
    'two workers share it, each with sessions there, and compute what the processor computes',
    async () => {
      const going = started('two', '--gpus', '0,1', '--share-devices')
      await until(() => stepsOf(join(folder, 'two')).length > 0, going)
      const libraries = childrenOf(going.child.pid!).map((pid) => readFileSync(`/proc/${pid}/maps`, 'utf8'))
      expect(libraries.map((text) => text.includes('libvk_swiftshader'))).toEqual([true, true])
      const { code, err } = await going.ended
      expect({ code, err }).toEqual({ code: 0, err: '' })
      expectAlike('two')
    },
    longestMs,
  )

  test(
    'one worker is this process; what it computed on is a setting of the run',
    async () => {
      const file = join(folder, 'webgpu.yaml')
      writeFileSync(file, 'device: webgpu\n')
      const going = started('one', '--gpus', '0', '--config', file)
      await until(() => stepsOf(join(folder, 'one')).length > 0, going)
      expect(childrenOf(going.child.pid!)).toEqual([])
      const { code, err } = await going.ended
      expect({ code, err }).toEqual({ code: 0, err: '' })
      expectAlike('one')
      expect(losses('one')).not.toEqual(losses('cpu')) // in the last digits: it was another device
      const settings = readFileSync(join(folder, 'one', 'config.yaml'), 'utf8')
      expect(settings).toMatch(/^device: webgpu$/m)
    },
    longestMs,
  )

  test.each([[['--gpus', '0,97']], [['--gpus', '0,97', '--share-devices']]])(
    '%j: one line, and nothing is started',
    async (words) => {
      const { err, ...rest } = await started('never', ...words).ended
      expect(rest).toEqual({ code: 2, out: '' })
      expect(err).toMatch(
        /^vl-lst: --gpus 0,97: there is no webgpu device 97 \(here: 0: SwiftShader.*\): name one of these\n$/,
      )
      expect(existsSync(join(folder, 'never'))).toBe(false)
    },
  )

  test('two workers need the option there', async () => {
    const { code, err } = await started('never', '--device', 'webgpu', '--workers', '2').ended
    expect(code).toBe(2)
    expect(err).toMatch(/^vl-lst: --device webgpu --workers 2: .*, or add --share-devices\n$/)
  })
})
